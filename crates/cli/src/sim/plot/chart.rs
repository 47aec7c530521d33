//! Curves as SVG.

use crate::html::escape;
use crate::sim::plot::curves::Curve;

pub(super) const WIDTH: f64 = 760.0;
pub(super) const LEFT: f64 = 88.0;
pub(super) const RIGHT: f64 = 20.0;
const HEIGHT: f64 = 300.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 48.0;

/// Curves over one pair of axes, each from 0 on.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    /// The values of y are shares, shown in percent up to 100.
    pub(super) share: bool,
    /// Up to where the steps go at least; `None`: up to the last point of any curve.
    pub(super) until: Option<f64>,
    pub(super) curves: &'a [Curve],
}

impl Chart<'_> {
    /// The chart, with a title and a description for who does not see it.
    pub(super) fn svg(&self) -> String {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let last = points().map(|(x, _)| *x).fold(self.until.unwrap_or(0.0), f64::max);
        let highest = if self.share { 1.0 } else { points().map(|(_, y)| *y).fold(0.0, f64::max) };
        let (x, y) =
            (Axis::new(last, LEFT, WIDTH - RIGHT), Axis::new(highest, HEIGHT - BOTTOM, TOP));
        let mut svg = open(HEIGHT, self.title, &self.described());
        for (shown, at) in y.ticks(if self.share { 100.0 } else { 1.0 }) {
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
            let path = steps(&curve.points, &x, &y);
            svg.push_str(&format!("<path class=\"curve c{i}\" d=\"{path}\"/>\n"));
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// The names of the curves, each beside a piece of it.
    pub(super) fn legend(&self) -> String {
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

/// Values from 0 to some end, and where they stand on the page.
pub(super) struct Axis {
    end: f64,
    step: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// An axis that reaches `last` at least, drawn from one place to another.
    pub(super) fn new(last: f64, from: f64, to: f64) -> Axis {
        let last = if last > 0.0 { last } else { 1.0 };
        let step = round_step(last / 6.0);
        Axis { end: (last / step).ceil() * step, step, from, to }
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * (value / self.end).clamp(0.0, 1.0)
    }

    /// The values that are named, `factor` times as large as they are, and where they stand.
    fn ticks(&self, factor: f64) -> impl Iterator<Item = (String, f64)> {
        let count = (self.end / self.step).round() as usize;
        let digits = (self.step * factor).log10().floor().min(0.0).abs() as usize;
        (0..=count).map(move |i| {
            let value = i as f64 * self.step;
            (format!("{:.digits$}", value * factor), self.at(value))
        })
    }
}

/// The next larger step that people count in.
fn round_step(least: f64) -> f64 {
    let magnitude = 10f64.powf(least.log10().floor());
    let nice = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * magnitude);
    nice.into_iter().find(|step| *step >= least * 0.999_999).unwrap_or(magnitude * 10.0)
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
    fn a_curve_holds_each_value_up_to_the_next_point() {
        let axis = || Axis::new(10.0, 0.0, 100.0);
        let path = steps(&[(0.0, 0.0), (5.0, 2.0), (5.0, 2.0)], &axis(), &axis());
        assert_eq!(path, "M0.0 0.0H50.0V20.0H100.0");
    }
}
