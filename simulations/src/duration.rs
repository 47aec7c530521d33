//! Durations as people write them: `"200ms"`, `"1.5s"`, `"10min"`.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Units and their length in microseconds, in the order in which they are offered.
const UNITS: [(&str, f64); 6] =
    [("us", 1.0), ("ms", 1e3), ("s", 1e6), ("min", 6e7), ("h", 3.6e9), ("d", 8.64e10)];

/// The longest duration that can be written: 10,000 days.
const MOST_MICROS: f64 = 8.64e14;

/// Reads a number followed by its unit; a microsecond is the smallest step.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let help = || {
        format!(
            "`{text}` is no duration; write a number and a unit (us, ms, s, min, h, d), as in \"200ms\""
        )
    };
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(help)?;
    let (number, unit) = text.split_at(unit_at);
    let value: f64 = number.trim_end().parse().map_err(|_| help())?;
    let (_, length) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(help)?;
    let micros = value * length;
    if !(0.0..=MOST_MICROS).contains(&micros) {
        return Err(format!("`{text}` is out of range; use 0s to 10000d"));
    }
    Ok(Duration::from_micros(micros.round() as u64))
}

/// The duration in the largest unit that keeps it whole.
pub(crate) fn show(duration: Duration) -> String {
    let micros = duration.as_micros();
    let whole = |(_, length): &&(&str, f64)| micros.is_multiple_of(*length as u128);
    match UNITS.iter().rev().find(whole) {
        Some((unit, length)) if micros > 0 => format!("{}{unit}", micros / *length as u128),
        _ => "0s".to_owned(),
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(input)?).map_err(D::Error::custom)
}

pub(crate) fn serialize<S: Serializer>(duration: &Duration, output: S) -> Result<S::Ok, S::Error> {
    show(*duration).serialize(output)
}

/// For fields that may be left out.
pub(crate) mod option {
    use super::*;

    pub(crate) fn serialize<S>(duration: &Option<Duration>, output: S) -> Result<S::Ok, S::Error>
    where
        S: Serializer,
    {
        duration.map(show).serialize(output)
    }

    pub(crate) fn deserialize<'de, D>(input: D) -> Result<Option<Duration>, D::Error>
    where
        D: Deserializer<'de>,
    {
        super::deserialize(input).map(Some)
    }
}

/// For differences, in microseconds: a duration with or without a minus before it.
pub(crate) mod signed {
    use super::*;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<i64, D::Error> {
        let text = String::deserialize(input)?;
        let (size, sign) = text.strip_prefix('-').map_or((&text[..], 1), |size| (size, -1));
        // The longest duration fits many times over.
        parse(size).map(|size| sign * size.as_micros() as i64).map_err(D::Error::custom)
    }

    pub(crate) fn serialize<S: Serializer>(micros: &i64, output: S) -> Result<S::Ok, S::Error> {
        let size = show(Duration::from_micros(micros.unsigned_abs()));
        let sign = if *micros < 0 { "-" } else { "" };
        format!("{sign}{size}").serialize(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_are_read_and_shown() {
        for (text, micros, shown) in [
            ("200ms", 200_000, "200ms"),
            ("1.5s", 1_500_000, "1500ms"),
            ("90 s", 90_000_000, "90s"),
            ("60s", 60_000_000, "1min"),
            ("250us", 250, "250us"),
            ("2d", 172_800_000_000, "2d"),
            ("0s", 0, "0s"),
        ] {
            let duration = parse(text).unwrap();
            assert_eq!(duration, Duration::from_micros(micros), "{text}");
            assert_eq!(show(duration), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_advice() {
        for text in ["", "5", "ms", "5 weeks", "five s", "-1s", "1e99d", "NaNs", "5sm"] {
            let error = parse(text).unwrap_err();
            assert!(error.contains("write a number") || error.contains("use 0s"), "{error}");
        }
    }
}
