//! Curves as SVG.

use crate::html::escape;
use crate::sim::plot::curves::Curve;

pub(super) const WIDTH: f64 = 760.0;
pub(super) const LEFT: f64 = 88.0;
pub(super) const RIGHT: f64 = 20.0;
const HEIGHT: f64 = 300.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 48.0;

/// Curves over one pair of axes, x from 0 on.
pub(in crate::sim) struct Chart<'a> {
    pub(in crate::sim) title: &'a str,
    pub(in crate::sim) x: &'a str,
    pub(in crate::sim) y: &'a str,
    pub(in crate::sim) shape: Shape,
    /// Up to where x goes at least; `None`: up to the last point of any curve.
    pub(in crate::sim) until: Option<f64>,
    pub(in crate::sim) curves: &'a [Curve],
}

/// What the values of y are, and how they are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Shape {
    /// Shares, shown in percent up to 100, that go up in steps.
    Share,
    /// Amounts from 0 on, in steps.
    Amount,
    /// Values of very different size, by decades, on straight lines. 0 is at the bottom.
    Decades,
}

impl Chart<'_> {
    /// The chart, with a title and a description for who does not see it.
    pub(in crate::sim) fn svg(&self) -> String {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let last = points().map(|(x, _)| *x).fold(self.until.unwrap_or(0.0), f64::max);
        let values = || points().map(|(_, y)| *y);
        let highest = values().fold(0.0, f64::max);
        let (bottom, factor) =
            (HEIGHT - BOTTOM, if self.shape == Shape::Share { 100.0 } else { 1.0 });
        let x = Axis::new(last, LEFT, WIDTH - RIGHT);
        let y = match self.shape {
            Shape::Share => Axis::new(1.0, bottom, TOP),
            Shape::Amount => Axis::new(highest, bottom, TOP),
            Shape::Decades => Axis::decades(values(), bottom, TOP),
        };
        let mut svg = open(HEIGHT, self.title, &self.described());
        for (shown, at) in y.ticks(factor) {
            let right = WIDTH - RIGHT;
            svg.push_str(&format!(
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{shown}</text>\n",
                LEFT - 8.0,
                at + 4.0,
            ));
        }
        svg.push_str(&x_axis(&x, HEIGHT - BOTTOM, TOP, self.x));
        let middle = (TOP + HEIGHT - BOTTOM) / 2.0;
        svg.push_str(&format!(
            "<text class=\"label\" transform=\"translate(16 {middle:.1}) rotate(-90)\" \
             text-anchor=\"middle\">{}</text>\n",
            escape(self.y)
        ));
        for (i, curve) in self.curves.iter().enumerate() {
            let path = match self.shape {
                Shape::Decades => lines(&curve.points, &x, &y),
                Shape::Share | Shape::Amount => steps(&curve.points, &x, &y),
            };
            svg.push_str(&format!("<path class=\"curve c{i}\" d=\"{path}\"/>\n"));
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// The names of the curves, each beside a piece of it.
    pub(in crate::sim) fn legend(&self) -> String {
        let entry = |(i, curve): (usize, &Curve)| {
            let name = escape(&curve.name);
            format!(
                "<li><svg class=\"key\" viewBox=\"0 0 32 10\" aria-hidden=\"true\">\
                 <path class=\"curve c{i}\" d=\"M0 5H32\"/></svg>{name}</li>\n"
            )
        };
        let entries: String = self.curves.iter().enumerate().map(entry).collect();
        format!("<ul class=\"legend\">\n{entries}</ul>\n")
    }

    fn described(&self) -> String {
        let names: Vec<&str> = self.curves.iter().map(|curve| curve.name.as_str()).collect();
        format!(
            "{} against {}; curves: {}. The table below has the numbers.",
            self.y,
            self.x,
            names.join(", ")
        )
    }
}

/// The beginning of a picture that says what it shows.
pub(super) fn open(height: f64, title: &str, described: &str) -> String {
    let (title, described) = (escape(title), escape(described));
    format!(
        "<svg class=\"picture\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{title}. {described}\">\n\
         <title>{title}</title>\n<desc>{described}</desc>\n"
    )
}

/// The x axis at height `bottom`, with grid lines up to `top`.
pub(super) fn x_axis(x: &Axis, bottom: f64, top: f64, label: &str) -> String {
    let mut svg = String::new();
    for (shown, at) in x.ticks(1.0) {
        svg.push_str(&format!(
            "<line class=\"grid\" x1=\"{at:.1}\" y1=\"{top:.1}\" x2=\"{at:.1}\" y2=\"{bottom:.1}\"/>\
             <text class=\"tick\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{shown}</text>\n",
            bottom + 18.0,
        ));
    }
    svg.push_str(&format!(
        "<text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
        (LEFT + WIDTH - RIGHT) / 2.0,
        bottom + 40.0,
        escape(label)
    ));
    svg
}

/// Values from 0 to some end, and where they stand on the page; or decades of them.
pub(super) struct Axis {
    /// With decades, the exponent of the lowest one; else 0.
    begin: f64,
    end: f64,
    step: f64,
    from: f64,
    to: f64,
    decades: bool,
}

impl Axis {
    /// An axis that reaches `last` at least, drawn from one place to another.
    pub(super) fn new(last: f64, from: f64, to: f64) -> Axis {
        let last = if last > 0.0 { last } else { 1.0 };
        let step = round_step(last / 6.0);
        Axis { begin: 0.0, end: (last / step).ceil() * step, step, from, to, decades: false }
    }

    /// An axis of all the decades that the values are in.
    fn decades(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Axis {
        let exponents = values.filter(|value| *value > 0.0).map(f64::log10);
        let (low, high) = exponents.fold((f64::MAX, f64::MIN), |(low, high), exponent| {
            (low.min(exponent.floor()), high.max(exponent.ceil()))
        });
        let begin = if low < high { low } else { -1.0 };
        Axis { begin, end: high.max(begin + 1.0), step: 1.0, from, to, decades: true }
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let value = if self.decades { value.max(f64::MIN_POSITIVE).log10() } else { value };
        let share = (value - self.begin) / (self.end - self.begin);
        self.from + (self.to - self.from) * share.clamp(0.0, 1.0)
    }

    /// The values that are named, `factor` times as large as they are, and where they stand.
    fn ticks(&self, factor: f64) -> impl Iterator<Item = (String, f64)> {
        let count = ((self.end - self.begin) / self.step).round() as usize;
        let digits = (self.step * factor).log10().floor().min(0.0).abs() as usize;
        (0..=count).map(move |i| {
            let value = self.begin + i as f64 * self.step;
            if self.decades {
                let digits = (-value).max(0.0) as usize;
                let value = 10f64.powf(value);
                (format!("{value:.digits$}"), self.at(value))
            } else {
                (format!("{:.digits$}", value * factor), self.at(value))
            }
        })
    }
}

/// The next larger step that people count in.
fn round_step(least: f64) -> f64 {
    let magnitude = 10f64.powf(least.log10().floor());
    let nice = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * magnitude);
    nice.into_iter().find(|step| *step >= least * 0.999_999).unwrap_or(magnitude * 10.0)
}

/// Points as a path of straight lines.
fn lines(points: &[(f64, f64)], x: &Axis, y: &Axis) -> String {
    let place = |(value, height): &(f64, f64)| format!("{:.1} {:.1}", x.at(*value), y.at(*height));
    let mut places: Vec<String> = points.iter().map(place).collect();
    places.dedup();
    if places.is_empty() { String::new() } else { format!("M{}", places.join("L")) }
}

/// Points as a path of steps; points that fall on the same place are drawn once.
fn steps(points: &[(f64, f64)], x: &Axis, y: &Axis) -> String {
    let mut path = String::new();
    let mut before = None;
    for (value, height) in points {
        let place = (format!("{:.1}", x.at(*value)), format!("{:.1}", y.at(*height)));
        if before.as_ref() == Some(&place) {
            continue;
        }
        match before {
            None => path.push_str(&format!("M{} {}", place.0, place.1)),
            Some(_) => path.push_str(&format!("H{}V{}", place.0, place.1)),
        }
        before = Some(place);
    }
    if before.is_some() {
        path.push_str(&format!("H{:.1}", x.to));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_the_last_value() {
        for (last, expected) in [
            (1.0, vec!["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
            (17.3, vec!["0", "5", "10", "15", "20"]),
            (0.03, vec!["0.000", "0.005", "0.010", "0.015", "0.020", "0.025", "0.030"]),
            (45_000.0, vec!["0", "10000", "20000", "30000", "40000", "50000"]),
        ] {
            let axis = Axis::new(last, 0.0, 100.0);
            let ticks: Vec<String> = axis.ticks(1.0).map(|(shown, _)| shown).collect();
            assert_eq!(ticks, expected, "{last}");
            assert!(axis.at(last) <= 100.0);
        }
        let percent: Vec<String> = Axis::new(1.0, 0.0, 1.0).ticks(100.0).map(|(t, _)| t).collect();
        assert_eq!(percent, ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(Axis::new(0.0, 0.0, 1.0).ticks(1.0).count(), 6);
    }

    #[test]
    fn decades_hold_all_values_and_nothing_is_at_the_bottom() {
        let axis = Axis::decades([0.0, 0.03, 4.0].into_iter(), 100.0, 0.0);
        let ticks: Vec<(String, f64)> = axis.ticks(1.0).collect();
        let expected = [("0.01", 100.0), ("0.1", 66.7), ("1", 33.3), ("10", 0.0)];
        assert_eq!(ticks.len(), expected.len(), "{ticks:?}");
        for ((shown, at), (expected, place)) in ticks.iter().zip(expected) {
            assert!(shown == expected && (at - place).abs() < 0.1, "{ticks:?}");
        }
        assert_eq!((axis.at(0.0), axis.at(1e9)), (100.0, 0.0));
        assert_eq!(Axis::decades([0.0].into_iter(), 0.0, 1.0).ticks(1.0).count(), 2);
        let flat = Axis::new(10.0, 0.0, 100.0);
        let path = lines(&[(0.0, 0.0), (5.0, 0.1), (5.0, 0.1), (10.0, 10.0)], &flat, &axis);
        assert_eq!(path, "M0.0 100.0L50.0 66.7L100.0 0.0");
    }

    #[test]
    fn a_curve_holds_each_value_up_to_the_next_point() {
        let axis = || Axis::new(10.0, 0.0, 100.0);
        let path = steps(&[(0.0, 0.0), (5.0, 2.0), (5.0, 2.0)], &axis(), &axis());
        assert_eq!(path, "M0.0 0.0H50.0V20.0H100.0");
    }
}
