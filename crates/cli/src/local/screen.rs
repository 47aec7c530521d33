//! A terminal on which lines scroll by above a table that is redrawn in place; or, where the
//! output is no terminal, lines and now and then a table.

use std::io::{self, IsTerminal};
use std::time::Duration;

use tokio::time::Instant;

use crate::failure::Failure;
use crate::output;

/// The table is redrawn so often.
const REDRAW_EVERY: Duration = Duration::from_millis(100);

/// Where the show is shown.
pub(crate) struct Screen {
    mode: Mode,
    drawn_lines: usize,
    drawn_at: Option<Instant>,
}

#[derive(PartialEq, Eq)]
enum Mode {
    Silent,
    Lines,
    Live,
}

impl Screen {
    /// The standard output, if anything is to be shown there.
    pub(crate) fn new(silent: bool) -> Screen {
        let mode = match silent {
            true => Mode::Silent,
            false if io::stdout().is_terminal() => Mode::Live,
            false => Mode::Lines,
        };
        Screen { mode, drawn_lines: 0, drawn_at: None }
    }

    /// Shows a line above the table.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        if self.mode == Mode::Silent {
            return Ok(());
        }
        let text = format!("{}{text}\n", self.erase());
        self.drawn_at = None;
        self.show(&text)
    }

    /// Redraws the table in place if it is time, on a terminal.
    pub(crate) fn redraw(&mut self, table: impl FnOnce() -> String) -> Result<(), Failure> {
        let due = self.drawn_at.is_none_or(|at| at.elapsed() >= REDRAW_EVERY);
        if self.mode != Mode::Live || !due {
            return Ok(());
        }
        let table = table();
        // Without automatic line wrap, so that one line of the table is one line of the terminal.
        let text = format!("{}\x1b[?7l{table}\x1b[?7h\n", self.erase());
        self.drawn_lines = table.lines().count();
        self.drawn_at = Some(Instant::now());
        self.show(&text)
    }

    /// Leaves this table as it is among the lines.
    pub(crate) fn settle(&mut self, table: &str) -> Result<(), Failure> {
        self.line(&format!("\n{table}\n"))
    }

    /// Whoever looks on may go away; the show goes on, since its end decides the exit code.
    fn show(&mut self, text: &str) -> Result<(), Failure> {
        match output::raw(text) {
            Err(Failure::Closed) => {
                self.mode = Mode::Silent;
                Ok(())
            }
            shown => shown,
        }
    }

    /// What takes the last table away: to its first line, and everything below it deleted.
    fn erase(&mut self) -> String {
        match std::mem::take(&mut self.drawn_lines) {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\x1b[J"),
        }
    }
}
