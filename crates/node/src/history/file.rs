//! The file behind a history: lines are appended as things happen, and now and then it is written anew
//! with what they add up to. Everything here may block.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use headcount_health::history::History;

use super::line::{Line, LineError, VERSION};
use crate::clock::unix_millis;
use crate::error::NodeError;

/// No line is longer: 64 events of a member with the longest name take a sixth of it.
const LINE_MAX: usize = 64 << 10;

/// The file may grow by so much before it is written anew, or by its size if that is more.
const GROWTH: u64 = 1 << 20;

/// An open history file; nobody else has it open.
#[derive(Debug)]
pub(super) struct HistoryFile {
    path: PathBuf,
    cluster: String,
    file: File,
    size: u64,
    /// It is written anew beyond this size.
    most: u64,
}

/// What was found in a file.
#[derive(Debug, Default)]
struct Found {
    history: History,
    lines: u64,
    /// Lines that cannot be used, and what is wrong with the first of them.
    broken: u64,
    first: Option<String>,
    /// Its last line has no end: the process died while it was written.
    torn: bool,
    /// It belongs to this cluster.
    cluster: Option<String>,
}

impl HistoryFile {
    /// Opens or makes the file, and reads what is in it. What cannot be read is warned of and
    /// kept aside; the rest is used.
    ///
    /// # Errors
    /// The file cannot be opened, is used by another node or belongs to another cluster. It is as it
    /// was.
    pub(super) fn open(path: &Path, cluster: &str) -> Result<(HistoryFile, History), NodeError> {
        let problem = |problem: String| NodeError::setting("history_file", path.display(), problem);
        let cannot = |what: &'static str| {
            move |error: io::Error| {
                problem(format!("cannot be {what}: {error}; name a file that can be written"))
            }
        };
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        let file = options.open(path).map_err(cannot("opened"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let used = "is used by another process; give each node a file of its own";
                return Err(problem(used.to_owned()));
            }
            // Some file systems have no locks.
            Err(TryLockError::Error(error)) => {
                tracing::warn!(path = %path.display(), %error, "history file cannot be locked");
            }
        }
        // Written anew, a link goes on leading to the same place.
        let path_now = fs::canonicalize(path).map_err(cannot("found"))?;
        let found = Found::read(&file).map_err(cannot("read"))?;
        if let Some(other) = found.cluster.as_ref().filter(|other| *other != cluster) {
            let foreign = format!("belongs to the cluster {other:?}; name another file");
            return Err(problem(foreign));
        }
        let mut opened =
            HistoryFile { path: path_now, cluster: cluster.to_owned(), file, size: 0, most: 0 };
        if found.broken > 0 {
            let aside = opened.keep_aside().map_err(cannot("kept aside"))?;
            tracing::warn!(
                path = %path.display(),
                broken = found.broken,
                of = found.lines,
                first = found.first.as_deref(),
                aside = %aside.display(),
                "history file holds lines that cannot be read; the rest is used, the file kept aside"
            );
        } else if found.torn {
            tracing::warn!(
                path = %path.display(),
                "history file ends in the middle of a line, which is left out"
            );
        }
        opened.rewrite(&found.history).map_err(cannot("written"))?;
        tracing::info!(
            path = %path.display(),
            lines = found.lines,
            members = found.history.members().len(),
            "history file read"
        );
        Ok((opened, found.history))
    }

    /// Appends lines; `sync`: to the disk.
    pub(super) fn append(&mut self, lines: &str, sync: bool) -> io::Result<()> {
        self.file.write_all(lines.as_bytes())?;
        self.size += lines.len() as u64;
        if sync { self.file.sync_data() } else { Ok(()) }
    }

    /// Whether it has grown so much that it is to be written anew.
    pub(super) fn is_large(&self) -> bool {
        self.size > self.most
    }

    /// Writes the file anew, beside the old one at first, so that there is a whole one at any moment.
    pub(super) fn rewrite(&mut self, history: &History) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let fresh = tempfile::Builder::new().prefix(".headcount-history-").tempfile_in(folder)?;
        let mut out = BufWriter::new(fresh);
        let head = Line::Head { version: VERSION, cluster: self.cluster.clone() };
        out.write_all(head.text().as_bytes())?;
        out.write_all(Line::Sum(history.save()).text().as_bytes())?;
        for member in history.save_members() {
            out.write_all(Line::Member(member).text().as_bytes())?;
        }
        let fresh = out.into_inner()?;
        if let Ok(metadata) = self.file.metadata() {
            fresh.as_file().set_permissions(metadata.permissions())?;
        }
        fresh.as_file().sync_all()?;
        // A file system without locks was told of when the file was opened.
        let _ = fresh.as_file().try_lock();
        self.file = fresh.persist(&self.path)?;
        // The new name is on the disk once the folder is; not every system can say so.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        self.size = self.file.metadata()?.len();
        self.most = self.size.saturating_mul(2).max(self.size.saturating_add(GROWTH));
        Ok(())
    }

    /// Copies the file as it is to a name that is free.
    fn keep_aside(&self) -> io::Result<PathBuf> {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".unreadable-{}", unix_millis()));
        let aside = PathBuf::from(name);
        fs::copy(&self.path, &aside)?;
        Ok(aside)
    }
}

impl Found {
    fn read(file: &File) -> io::Result<Found> {
        let mut found = Found::default();
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let most = LINE_MAX as u64 + 1;
            if reader.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
                return Ok(found);
            }
            found.lines += 1;
            let ended = line.last() == Some(&b'\n');
            if !ended && line.len() > LINE_MAX {
                reader.skip_until(b'\n')?;
                found.broken(LineError::TooLong(LINE_MAX));
                continue;
            }
            match serde_json::from_slice::<Line>(&line).map_err(LineError::from) {
                Ok(Line::Head { version: VERSION, cluster }) if found.lines == 1 => {
                    found.cluster = Some(cluster);
                }
                Ok(Line::Head { version, .. }) if found.lines == 1 => {
                    found.broken_as(format!("it is of version {version}, and {VERSION} is read"));
                    return Ok(found);
                }
                _ if found.lines == 1 && ended => {
                    found.broken_as("it does not begin as a history does".to_owned());
                    return Ok(found);
                }
                Err(_) if !ended => found.torn = true,
                Ok(line) => {
                    if let Err(error) = line.apply(&mut found.history) {
                        found.broken(error);
                    }
                }
                Err(error) => found.broken(error),
            }
        }
    }

    fn broken(&mut self, error: LineError) {
        let text = format!("line {} {error}", self.lines);
        self.broken_as(text);
    }

    fn broken_as(&mut self, text: String) {
        self.broken += 1;
        self.first.get_or_insert(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headcount_health::history::{HistoryReport, What};
    use headcount_state::Name;

    const DAY: u64 = 86_400_000;

    fn member(name: &str) -> Name {
        Name::new(name).expect("a name")
    }

    /// A file in which a joined and failed, and b joined.
    fn written(folder: &Path) -> (PathBuf, HistoryReport) {
        let path = folder.join("history");
        let (mut file, mut history) = HistoryFile::open(&path, "test").expect("it can be made");
        for (at_ms, name, what) in
            [(0, "a", What::Joined), (1_000, "a", What::Failed), (2_000, "b", What::Joined)]
        {
            let line = Line::event(at_ms, &member(name), None, what);
            line.apply(&mut history).expect("its own");
            file.append(&line.text(), false).expect("written");
        }
        (path, history.report(DAY))
    }

    fn read(path: &Path) -> HistoryReport {
        HistoryFile::open(path, "test").expect("it opens").1.report(DAY)
    }

    fn set_aside(folder: &Path) -> Vec<PathBuf> {
        let entries =
            fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("one").path());
        entries.filter(|path| path.to_string_lossy().contains(".unreadable-")).collect()
    }

    fn add(path: &Path, bytes: &[u8]) {
        let mut file = OpenOptions::new().append(true).open(path).expect("it is there");
        file.write_all(bytes).expect("written");
    }

    #[test]
    fn what_is_written_is_read_again_and_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, report) = written(folder.path());
        assert_eq!(report.members.len(), 2);
        assert_eq!(read(&path), report);
        assert_eq!(read(&path), report, "once it was written anew");
        assert_eq!(set_aside(folder.path()), [""; 0].map(PathBuf::from));
    }

    #[test]
    fn a_last_line_that_was_cut_off_is_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, report) = written(folder.path());
        add(&path, b"{\"line\":\"event\",\"at_ms\":3000,\"mem");
        assert_eq!(read(&path), report);
        let line = Line::event(4_000, &member("b"), None, What::Failed).text();
        add(&path, line.as_bytes());
        assert_eq!(read(&path).cluster.totals.failures, 2, "the next line is a line of its own");
        assert_eq!(set_aside(folder.path()).len(), 0);
    }

    #[test]
    fn lines_that_cannot_be_read_are_skipped_and_the_file_is_kept_aside() {
        let long = vec![b'x'; LINE_MAX * 3];
        let broken: [&[u8]; 6] = [
            b"nonsense",
            b"{\"line\":\"event\",\"at_ms\":-3,\"member\":\"a\",\"event\":\"failed\"}",
            b"{\"line\":\"event\",\"at_ms\":3,\"member\":\"a\",\"event\":\"exploded\"}",
            b"{\"line\":\"event\",\"at_ms\":3,\"member\":\"\",\"event\":\"failed\"}",
            b"\xff\xfe",
            &long,
        ];
        for bytes in broken {
            let folder = tempfile::tempdir().expect("a folder");
            let (path, _) = written(folder.path());
            add(&path, bytes);
            add(&path, b"\n");
            add(&path, Line::event(4_000, &member("b"), None, What::Failed).text().as_bytes());
            let whole = fs::read(&path).expect("it is there");
            assert_eq!(read(&path).cluster.totals.failures, 2, "what follows is read");
            let aside = set_aside(folder.path());
            assert_eq!(aside.len(), 1);
            assert_eq!(fs::read(&aside[0]).expect("it is there"), whole);
            assert_eq!(read(&path).cluster.totals.failures, 2);
            assert_eq!(set_aside(folder.path()).len(), 1, "it is whole now");
        }
    }

    #[test]
    fn a_file_of_another_version_or_kind_is_kept_aside_as_a_whole() {
        for text in ["{\"line\":\"head\",\"version\":2,\"cluster\":\"test\"}\n{}\n", "root:x:0:0\n"]
        {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("history");
            fs::write(&path, text).expect("written");
            assert_eq!(read(&path).members.len(), 0);
            let aside = set_aside(folder.path());
            assert_eq!(fs::read_to_string(&aside[0]).expect("it is there"), text);
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_with_a_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, _) = written(folder.path());
        let refused = |path: &Path, cluster: &str| {
            HistoryFile::open(path, cluster).expect_err("it cannot be").to_string()
        };
        let foreign = refused(&path, "other");
        assert!(foreign.contains("belongs to the cluster \"test\""), "{foreign}");
        let open = HistoryFile::open(&path, "test").expect("it opens");
        let used = refused(&path, "test");
        assert!(used.contains("another process"), "{used}");
        drop(open);
        let missing = refused(&folder.path().join("no/such"), "test");
        assert!(
            missing.starts_with("history_file: ") && missing.contains("name a file"),
            "{missing}"
        );
        refused(folder.path(), "test");
    }

    #[test]
    fn a_file_that_has_grown_is_written_anew_and_stays_locked() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("history");
        let (mut file, mut history) = HistoryFile::open(&path, "test").expect("it can be made");
        let mut round = 0;
        while !file.is_large() {
            round += 1;
            let line = Line::event(round, &member("a"), None, What::Suspected);
            line.apply(&mut history).expect("its own");
            file.append(&line.text(), false).expect("written");
        }
        let before = fs::metadata(&path).expect("it is there").len();
        assert!((GROWTH..2 * GROWTH).contains(&before), "{before}");
        file.rewrite(&history).expect("written");
        assert!(fs::metadata(&path).expect("it is there").len() < GROWTH / 50);
        assert!(HistoryFile::open(&path, "test").is_err(), "the new one is locked too");
        drop(file);
        assert_eq!(read(&path), history.report(DAY));
    }
}
