use std::fmt;
use std::io;
use std::process::ExitCode;

/// Why the program ends otherwise than well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A check failed, or the cluster did not converge. Exit code 1.
    Unmet(String),
    /// The input cannot be used; the text names what to change. Exit code 2.
    Input(String),
    /// Whoever reads the standard output has gone. Nothing more to say, and nothing is wrong.
    Closed,
}

impl Failure {
    /// A failure of the input: what it is about, and what is wrong with it.
    pub(crate) fn input(subject: impl fmt::Display, problem: impl fmt::Display) -> Failure {
        Failure::Input(format!("{subject}: {problem}"))
    }

    /// What went wrong in words, if anybody is to hear of it.
    pub(crate) fn message(&self) -> Option<&str> {
        match self {
            Failure::Unmet(text) | Failure::Input(text) => Some(text),
            Failure::Closed => None,
        }
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Unmet(_) => ExitCode::from(1),
            Failure::Input(_) => ExitCode::from(2),
            Failure::Closed => ExitCode::SUCCESS,
        }
    }
}

/// An error while writing to the standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Closed,
            _ => Failure::input("standard output", error),
        }
    }
}
