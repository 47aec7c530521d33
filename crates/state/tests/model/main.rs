//! A model of a small cluster over the real table, searched by random schedules.
//!
//! Three to six processes, each around a real `Table`, go through loss, duplication, reordering,
//! expiry at any time, isolation, cuts, crashes, restarts with lost memory and a clock a day
//! behind, goodbyes, evictions, wrong and right accusations and namesakes. Then all trouble ends,
//! and checkers judge what the cluster agrees on. Each rule of the merge can be dropped, and a
//! checker must notice.
//!
//! ```text
//! cargo test -p headcount-state --test model                               a minute at most
//! HEADCOUNT_MODEL_SCHEDULES=3000000 cargo test --release -p headcount-state --test model \
//!     every_rule -- --nocapture                                            a long search
//! HEADCOUNT_MODEL_SEED=7 HEADCOUNT_MODEL_WITHOUT=answers \
//!     cargo test -p headcount-state --test model replay -- --nocapture     one schedule again
//! ```

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod calm;
mod findings;
mod message;
mod process;
mod scenarios;
mod sweep;
mod switches;
mod trouble;
mod world;
