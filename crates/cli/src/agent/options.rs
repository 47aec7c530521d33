//! What an agent can be told, by flags and in a file. One list for both: in the file a key is the
//! flag's name with `_` for `-`.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use headcount::{Builder, Detector, Exchange, Node};
use serde::de::{Deserialize, Deserializer, Error};

use crate::failure::Failure;
use crate::input;

/// The port of the HTTP endpoint unless another is set.
pub(crate) const DEFAULT_HTTP_PORT: u16 = 7947;

/// So many sessions may be live at once unless another number is set.
pub(crate) const DEFAULT_SESSIONS: u16 = 256;

const SESSIONS_MAX: u16 = 4_096;

const DEFAULT_CLUSTER: &str = "headcount";

/// The options of one agent. Lists of a file and of flags: seeds given as flags replace the
/// file's, tags are joined key by key; for everything else a flag wins over the file.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// The member's name, unique in the cluster. Default: the host's name
    #[arg(long)]
    name: Option<String>,

    /// The cluster's name, the same at every member. Default: headcount
    #[arg(long)]
    cluster: Option<String>,

    /// Where to listen for gossip, UDP and TCP; port 0 takes any free one. Default: 0.0.0.0:7946
    #[arg(long, value_name = "IP:PORT", value_parser = input::address)]
    #[serde(deserialize_with = "address")]
    bind: Option<SocketAddr>,

    /// The address that other members are told. Default: worked out from bind and the seeds
    #[arg(long, value_name = "HOST[:PORT]")]
    advertise: Option<String>,

    /// A member to join through; repeat it for more. Without any: a cluster of one
    #[arg(long, value_name = "HOST:PORT", value_parser = input::host_port)]
    #[serde(deserialize_with = "seeds")]
    seed: Vec<String>,

    /// A tag that travels with the member; repeat it for more
    #[arg(long, value_name = "KEY=VALUE", value_parser = input::tag)]
    #[serde(deserialize_with = "tags")]
    tag: Vec<(String, String)>,

    /// The failure zone that the member runs in
    #[arg(long)]
    zone: Option<String>,

    /// Where to serve HTTP; port 0 takes any free one. Default: 127.0.0.1:7947
    #[arg(long, value_name = "IP:PORT", value_parser = input::address)]
    #[serde(deserialize_with = "address")]
    http: Option<SocketAddr>,

    /// Allows an HTTP address that is not loopback; whoever reaches it can make the agent leave
    #[arg(long)]
    http_any_address: bool,

    /// How many sessions may be live at once, 0 to 4096; 0 refuses all. Default: 256
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(..=i64::from(SESSIONS_MAX)))]
    #[serde(deserialize_with = "sessions")]
    sessions: Option<u16>,

    /// How long a member may be silent before it is failed; the period is a fifth of it. Default: 5s
    #[arg(long, value_name = "DURATION", value_parser = input::duration)]
    #[serde(deserialize_with = "duration")]
    detection_time: Option<Duration>,

    /// The protocol period, the same at every member. Default: a fifth of the detection time
    #[arg(long, value_name = "DURATION", value_parser = input::duration)]
    #[serde(deserialize_with = "duration")]
    period: Option<Duration>,

    /// With lifeguard and swim, how far the period grows while links are calm. Default: the period
    #[arg(long, value_name = "DURATION", value_parser = input::duration)]
    #[serde(deserialize_with = "duration")]
    period_max: Option<Duration>,

    /// How members are watched: observers, lifeguard or swim. Default: observers
    #[arg(long, value_name = "DETECTOR", value_parser = input::detector)]
    #[serde(deserialize_with = "detector")]
    detector: Option<Detector>,

    /// How tables that differ become one: auto, full, sketch or stream. Default: auto
    #[arg(long, value_name = "WAY", value_parser = input::exchange)]
    #[serde(deserialize_with = "exchange")]
    exchange: Option<Exchange>,

    /// A voter of which a majority is told, by name; repeat it for more, the same at every member
    #[arg(long, value_name = "NAME", value_parser = input::name)]
    #[serde(deserialize_with = "voters")]
    voter: Vec<String>,

    /// How many members are expected, to tell a majority of, instead of naming voters
    #[arg(long, value_name = "MEMBERS", conflicts_with = "voter")]
    expected_size: Option<usize>,

    /// How long dead members are kept and shown. Default: 5m
    #[arg(long, value_name = "DURATION", value_parser = input::duration)]
    #[serde(deserialize_with = "duration")]
    tombstone_ttl: Option<Duration>,

    /// A file of this agent alone, in which the members' history outlives it. Default: none
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
}

impl Options {
    /// Reads a TOML file.
    ///
    /// # Errors
    /// The file, the line and the key, and what to change.
    pub(crate) fn load(path: &Path) -> Result<Options, Failure> {
        let file = path.display();
        let text = fs::read_to_string(path).map_err(|error| {
            Failure::input(&file, format!("cannot be read: {error}; give --config a TOML file"))
        })?;
        let options: Options = toml::from_str(&text)
            .map_err(|error| Failure::input(&file, error.to_string().trim_end()))?;
        if !options.voter.is_empty() && options.expected_size.is_some() {
            let problem = "expected_size does not go with voter; keep the one that a majority is \
                           to be told of";
            return Err(Failure::input(file, problem));
        }
        Ok(options)
    }

    /// These flags, and the file's value for whatever they do not say.
    pub(crate) fn over(self, file: Options) -> Options {
        let tags: BTreeMap<String, String> = file.tag.into_iter().chain(self.tag).collect();
        // Both say what a majority is of.
        let of_flags = !self.voter.is_empty() || self.expected_size.is_some();
        let (voter, expected_size) = match of_flags {
            true => (self.voter, self.expected_size),
            false => (file.voter, file.expected_size),
        };
        Options {
            name: self.name.or(file.name),
            cluster: self.cluster.or(file.cluster),
            bind: self.bind.or(file.bind),
            advertise: self.advertise.or(file.advertise),
            seed: if self.seed.is_empty() { file.seed } else { self.seed },
            tag: tags.into_iter().collect(),
            zone: self.zone.or(file.zone),
            http: self.http.or(file.http),
            http_any_address: self.http_any_address || file.http_any_address,
            sessions: self.sessions.or(file.sessions),
            detection_time: self.detection_time.or(file.detection_time),
            period: self.period.or(file.period),
            period_max: self.period_max.or(file.period_max),
            detector: self.detector.or(file.detector),
            exchange: self.exchange.or(file.exchange),
            voter,
            expected_size,
            tombstone_ttl: self.tombstone_ttl.or(file.tombstone_ttl),
            history: self.history.or(file.history),
        }
    }

    /// Where to serve HTTP.
    ///
    /// # Errors
    /// An address that others can reach, without leave to use one.
    pub(crate) fn http(&self) -> Result<SocketAddr, Failure> {
        let http = self.http.unwrap_or((Ipv4Addr::LOCALHOST, DEFAULT_HTTP_PORT).into());
        if http.ip().is_loopback() || self.http_any_address {
            return Ok(http);
        }
        let problem = "is not a loopback address, and whoever reaches it can make the agent \
                       leave; use 127.0.0.1, or allow it with --http-any-address";
        Err(Failure::input(format!("http: {http}"), problem))
    }

    /// Whether HTTP may be served, and asked for, under any address and name.
    pub(crate) fn http_any_address(&self) -> bool {
        self.http_any_address
    }

    /// How many sessions may be live at once.
    pub(crate) fn sessions(&self) -> usize {
        self.sessions.unwrap_or(DEFAULT_SESSIONS).into()
    }

    /// A node for a session of this agent: as its own, but for what makes that one itself.
    pub(crate) fn session_template(&self) -> Builder {
        let own = self.clone();
        let (name, advertise, zone) = (None, None, None);
        Options { name, advertise, zone, seed: Vec::new(), tag: Vec::new(), ..own }.builder()
    }

    /// The node that these options describe.
    pub(crate) fn builder(self) -> Builder {
        let mut builder = Node::builder(self.cluster.as_deref().unwrap_or(DEFAULT_CLUSTER))
            .seeds(self.seed)
            .tags(self.tag);
        if let Some(name) = self.name {
            builder = builder.name(name);
        }
        if let Some(bind) = self.bind {
            builder = builder.bind(bind);
        }
        if let Some(advertise) = self.advertise {
            builder = builder.advertise(advertise);
        }
        if let Some(zone) = self.zone {
            builder = builder.zone(zone);
        }
        if let Some(time) = self.detection_time {
            builder = builder.detection_time(time);
        }
        if let Some(period) = self.period {
            builder = builder.period(period);
            // The period alone would bring a detection time of its own.
            if let Some(time) = self.detection_time {
                builder = builder.config(|config| config.detection_time = time);
            }
        }
        if let Some(period_max) = self.period_max {
            builder = builder.config(|config| config.period_max = period_max);
        }
        if let Some(detector) = self.detector {
            builder = builder.detector(detector);
        }
        if let Some(exchange) = self.exchange {
            builder = builder.exchange(exchange);
        }
        if !self.voter.is_empty() {
            builder = builder.voters(self.voter);
        }
        if let Some(size) = self.expected_size {
            builder = builder.expected_size(size);
        }
        if let Some(ttl) = self.tombstone_ttl {
            builder = builder.tombstone_ttl(ttl);
        }
        if let Some(file) = self.history {
            builder = builder.history_file(file);
        }
        builder
    }
}

/// The flags of `headcount agent`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) options: Options,

    /// A TOML file with the same options, `_` for `-`; flags win
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl Args {
    /// The flags, over the file if one is named.
    ///
    /// # Errors
    /// What is wrong in the file.
    pub(crate) fn options(self) -> Result<Options, Failure> {
        match self.config {
            Some(path) => Ok(self.options.over(Options::load(&path)?)),
            None => Ok(self.options),
        }
    }
}

fn parsed<T, E: Error>(text: &str, parse: fn(&str) -> Result<T, String>) -> Result<T, E> {
    parse(text).map_err(|problem| E::custom(format!("{text:?} {problem}")))
}

fn sessions<'de, D: Deserializer<'de>>(value: D) -> Result<Option<u16>, D::Error> {
    match u16::deserialize(value)? {
        count @ ..=SESSIONS_MAX => Ok(Some(count)),
        count => Err(D::Error::custom(format!("{count} is out of range; use 0 to {SESSIONS_MAX}"))),
    }
}

fn address<'de, D: Deserializer<'de>>(value: D) -> Result<Option<SocketAddr>, D::Error> {
    parsed(&String::deserialize(value)?, input::address).map(Some)
}

fn duration<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Duration>, D::Error> {
    parsed(&String::deserialize(value)?, input::duration).map(Some)
}

fn detector<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Detector>, D::Error> {
    parsed(&String::deserialize(value)?, input::detector).map(Some)
}

fn exchange<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Exchange>, D::Error> {
    parsed(&String::deserialize(value)?, input::exchange).map(Some)
}

fn seeds<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<String>, D::Error> {
    Vec::<String>::deserialize(value)?.iter().map(|seed| parsed(seed, input::host_port)).collect()
}

fn voters<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(value)?;
    if names.is_empty() {
        let problem = "is empty; name 1 to 101 voters, or leave it out and no majority is asserted";
        return Err(D::Error::custom(problem));
    }
    names.iter().map(|name| parsed(name, input::name)).collect()
}

fn tags<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<(String, String)>, D::Error> {
    Ok(BTreeMap::<String, String>::deserialize(value)?.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<Options, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn a_file_has_the_flags_keys() {
        let options = file(
            r#"
            name = "a"
            cluster = "orders"
            bind = "127.0.0.1:0"
            advertise = "10.0.0.5:7946"
            seed = ["10.0.0.6:7946", "seeds.example.org:7946"]
            tag = { role = "api" }
            zone = "east"
            http = "127.0.0.1:0"
            http_any_address = true
            sessions = 8
            detection_time = "3s"
            period = "500ms"
            period_max = "2s"
            detector = "swim"
            exchange = "stream"
            voter = ["a", "b", "c"]
            tombstone_ttl = "10m"
            history = "/var/lib/headcount/history"
            "#,
        )
        .expect("all keys are known");
        assert_eq!(options.seed.len(), 2);
        assert_eq!(options.tag, [("role".to_owned(), "api".to_owned())]);
        assert_eq!(options.sessions(), 8);
        assert_eq!(options.detection_time, Some(Duration::from_secs(3)));
        assert_eq!(options.period, Some(Duration::from_millis(500)));
        assert_eq!(options.period_max, Some(Duration::from_secs(2)));
        assert_eq!(options.detector, Some(Detector::Swim));
        assert_eq!(options.exchange, Some(Exchange::Stream));
        assert_eq!(options.voter, ["a", "b", "c"]);
        assert_eq!(options.tombstone_ttl, Some(Duration::from_secs(600)));
        assert_eq!(options.history, Some(PathBuf::from("/var/lib/headcount/history")));
        assert_eq!(file("expected_size = 5").expect("a number").expected_size, Some(5));
    }

    #[test]
    fn flags_say_anew_what_a_majority_is_of() {
        let voters = Options { voter: vec!["a".to_owned()], ..Options::default() };
        let size = Options { expected_size: Some(5), ..Options::default() };
        let of = |options: Options| (options.voter, options.expected_size);
        assert_eq!(of(size.clone().over(voters.clone())), (vec![], Some(5)));
        assert_eq!(of(voters.clone().over(size)), (vec!["a".to_owned()], None));
        assert_eq!(of(Options::default().over(voters.clone())), of(voters));
    }

    #[test]
    fn an_error_in_a_file_names_the_line_and_the_remedy() {
        for (text, hints) in [
            ("name = \"a\"\nport = 1", ["line 2", "unknown field `port`", "bind"]),
            ("period = \"5\"", ["line 1", "period", "200ms"]),
            ("seed = [\"host\"]", ["line 1", "seed", "host:port"]),
            ("bind = 7946", ["line 1", "bind", "expected a string"]),
            ("sessions = 4097", ["line 1", "sessions", "0 to 4096"]),
            ("detector = \"phi\"", ["line 1", "detector", "lifeguard"]),
            ("exchange = \"merkle\"", ["line 1", "exchange", "sketch"]),
            ("voter = [\"a\", \"\"]", ["line 1", "voter", "1 to 255 bytes"]),
            ("voter = []", ["line 1", "is empty", "1 to 101 voters"]),
        ] {
            let error = file(text).expect_err(text).to_string();
            assert!(hints.iter().all(|hint| error.contains(hint)), "{error}");
        }
    }

    #[test]
    fn flags_win_over_the_file() {
        let from_file = file(
            r#"
            name = "file"
            zone = "east"
            seed = ["10.0.0.6:7946"]
            tag = { role = "api", tier = "1" }
            "#,
        )
        .expect("valid");
        let flags = Options {
            name: Some("flag".to_owned()),
            seed: vec!["10.0.0.7:7946".to_owned()],
            tag: vec![("role".to_owned(), "db".to_owned())],
            ..Options::default()
        };
        let merged = flags.over(from_file);
        assert_eq!(merged.name.as_deref(), Some("flag"));
        assert_eq!(merged.zone.as_deref(), Some("east"));
        assert_eq!(merged.seed, ["10.0.0.7:7946"]);
        let tags = [("role", "db"), ("tier", "1")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(merged.tag, tags);
    }

    #[test]
    fn http_that_others_can_reach_must_be_asked_for() {
        let any = Options { http: "0.0.0.0:80".parse().ok(), ..Options::default() };
        assert!(
            any.http()
                .is_err_and(|f| f.message().is_some_and(|m| m.contains("--http-any-address")))
        );
        let allowed = Options { http_any_address: true, ..any };
        assert!(allowed.http().is_ok());
        assert_eq!(Options::default().http().expect("loopback").port(), DEFAULT_HTTP_PORT);
    }
}
