//! The program as its users run it: real processes, their output, their exit codes.

mod agent;
mod bad_input;
mod local;
mod plot;
mod sessions;
mod sim;
mod support;
