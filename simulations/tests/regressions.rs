//! The scenarios that once found a bug, with the seeds that found it.

use std::path::Path;
use std::time::Duration;

use headcount_sim::{Expect, Fault, Regression, Report, Scenario, Simulation, Targets};

/// What the first seed of a regression that does not pass any more finds.
fn relapse(scenario: &Scenario) -> Option<Report> {
    let regression = scenario.regression.as_ref()?;
    let run = |seed: &u64| Simulation::new(scenario, *seed).map(Simulation::run);
    let reports = regression.seeds.iter().map(|seed| run(seed).unwrap_or_else(|e| panic!("{e}")));
    reports.into_iter().find(|report| !report.passed())
}

#[test]
fn what_was_mended_stays_mended() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let entries = std::fs::read_dir(folder).expect("the folder is there").flatten();
    let files = entries.map(|entry| entry.path());
    for file in files.filter(|file| file.extension() == Some("toml".as_ref())) {
        let scenario = Scenario::load(&file).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(Some(scenario.name.as_str()), file.file_stem().and_then(|name| name.to_str()));
        assert!(scenario.regression.is_some(), "{}: no [regression]", file.display());
        if let Some(report) = relapse(&scenario) {
            panic!("{report}");
        }
    }
}

#[test]
fn a_relapse_is_noticed() {
    let secs = Duration::from_secs;
    let impatient = Expect { detect_within: Some(secs(1)), ..Expect::default() };
    let mut scenario = Scenario::new("relapse", 3, secs(30))
        .fault(Fault::crash(secs(10), Targets::nodes(&["n1"])))
        .expect(impatient);
    assert!(relapse(&scenario).is_none(), "without seeds there is nothing to run");
    scenario.regression = Some(Regression {
        seeds: vec![4],
        found: "a crash went unnoticed for a second".to_owned(),
        mended: "Notice crashes".to_owned(),
    });
    let report = relapse(&scenario);
    assert_eq!(report.map(|report| report.seed), Some(4));
}
