//! What every fault has done so far: a fault that does nothing shows nothing.

use std::collections::BTreeMap;

use headcount_state::Time;

use crate::scenario::Fault;
use crate::simulation::Simulation;

/// Whether a fault works on messages that pass, so that one that no message met did nothing.
fn works_on_messages(fault: &Fault) -> bool {
    match fault {
        Fault::Partition { .. }
        | Fault::Cut { .. }
        | Fault::Loss { .. }
        | Fault::Gilbert { .. }
        | Fault::Duplicate { .. }
        | Fault::Corrupt { .. }
        | Fault::Mtu { .. }
        | Fault::Block { .. }
        | Fault::Delay { .. }
        | Fault::Latency(_)
        | Fault::Reorder(_)
        | Fault::Streams(_)
        | Fault::Slow(_) => true,
        Fault::Crash { .. }
        | Fault::Restart { .. }
        | Fault::Leave { .. }
        | Fault::Join { .. }
        | Fault::Namesake { .. }
        | Fault::Freeze { .. }
        | Fault::Clock(_)
        | Fault::Churn(_)
        | Fault::Update(_)
        | Fault::Seeds(_) => false,
    }
}

impl Simulation {
    /// The faults that are over, or lasted to the end, and did nothing to any message. An MTU is
    /// none of them: small datagrams are there to stay below it.
    pub(crate) fn idle_faults(&self) -> Vec<String> {
        let over = |fault: &Fault| {
            let end = fault.until().unwrap_or(self.scenario.duration);
            self.now >= Time::ZERO + end
        };
        let idle = |(number, fault): &(usize, &Fault)| {
            let judged = works_on_messages(fault) && !matches!(fault, Fault::Mtu { .. });
            judged && over(fault) && self.messages(*number) == 0
        };
        let say = |(number, fault): (usize, &Fault)| {
            let (kind, at) = (fault.kind(), Time::ZERO + fault.at());
            format!("faults[{number}], a {kind} from {at} on, did nothing to any message")
        };
        self.scenario.faults.iter().enumerate().filter(idle).map(say).collect()
    }

    /// How many nodes and messages every fault struck.
    pub(crate) fn show_effects(&self, metrics: &mut BTreeMap<String, f64>) {
        for (number, fault) in self.scenario.faults.iter().enumerate() {
            let name = format!("fault_{number}_{}", fault.kind());
            if let Some(nodes) = self.hits.get(&number) {
                metrics.insert(format!("{name}_nodes"), *nodes as f64);
            }
            if works_on_messages(fault) {
                metrics.insert(format!("{name}_messages"), self.messages(number) as f64);
            }
        }
    }

    fn messages(&self, fault: usize) -> u64 {
        self.network.struck_by(fault) + self.slowed.get(&fault).copied().unwrap_or_default()
    }
}
