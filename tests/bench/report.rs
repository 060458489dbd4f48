//! Figures, beside what they are to reach.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::Failure;
use super::world::load;

/// Measured values, sorted.
#[derive(Debug, Clone)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// Durations in milliseconds.
    pub(crate) fn of_times(times: &[Duration]) -> Self {
        Self::of(times.iter().map(|time| time.as_secs_f64() * 1e3).collect())
    }

    /// Values as they are.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The value below which `share` of all lie; not a number if there is none.
    fn quantile(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        // A count of samples is far below what a float holds exactly.
        let index = (share * last as f64).round() as usize;
        self.0.get(index).copied().unwrap_or(f64::NAN)
    }
}

/// What a figure is to reach.
#[derive(Debug, Clone, Copy)]
enum Reach {
    AtMost(f64),
    AtLeast(f64),
}

impl Reach {
    /// How much of what is allowed the value takes: 1 or less is reached.
    fn ratio(self, value: f64) -> f64 {
        match self {
            Self::AtMost(bound) => value / bound,
            Self::AtLeast(bound) => bound / value,
        }
    }

    fn bound(self) -> f64 {
        match self {
            Self::AtMost(bound) | Self::AtLeast(bound) => bound,
        }
    }
}

/// One figure.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    what: String,
    unit: &'static str,
    p50: f64,
    /// The 90th and the 99th percentile, where there are enough runs.
    upper: Option<(f64, f64)>,
    runs: usize,
    reach: Option<Reach>,
    reach_p99: Option<Reach>,
}

impl Figure {
    /// One value.
    pub(crate) fn one(what: impl Into<String>, unit: &'static str, value: f64) -> Self {
        Self::many(what, unit, &Samples::of(vec![value]))
    }

    /// The median of milliseconds, with percentiles.
    pub(crate) fn times(what: impl Into<String>, times: &[Duration]) -> Self {
        Self::many(what, "ms", &Samples::of_times(times))
    }

    fn many(what: impl Into<String>, unit: &'static str, samples: &Samples) -> Self {
        Self {
            what: what.into(),
            unit,
            p50: samples.quantile(0.5),
            upper: (samples.0.len() >= 10).then(|| (samples.quantile(0.9), samples.quantile(0.99))),
            runs: samples.0.len(),
            reach: None,
            reach_p99: None,
        }
    }

    /// What `whole` takes beyond `part`, quantile by quantile.
    pub(crate) fn added(what: impl Into<String>, whole: &Self, part: &Self) -> Self {
        let upper = whole.upper.zip(part.upper);
        Self {
            what: what.into(),
            unit: whole.unit,
            p50: whole.p50 - part.p50,
            upper: upper.map(|(whole, part)| (whole.0 - part.0, whole.1 - part.1)),
            runs: whole.runs,
            reach: None,
            reach_p99: None,
        }
    }

    /// The median is to be this or less.
    #[must_use]
    pub(crate) fn at_most(mut self, bound: f64) -> Self {
        self.reach = Some(Reach::AtMost(bound));
        self
    }

    /// The 99th percentile is to be this or less.
    #[must_use]
    pub(crate) fn p99_at_most(mut self, bound: f64) -> Self {
        self.reach_p99 = Some(Reach::AtMost(bound));
        self
    }

    /// The value is to be this or more.
    #[must_use]
    pub(crate) fn at_least(mut self, bound: f64) -> Self {
        self.reach = Some(Reach::AtLeast(bound));
        self
    }

    fn ratio(&self) -> Option<f64> {
        self.reach.map(|reach| reach.ratio(self.p50))
    }

    fn ratio_p99(&self) -> Option<f64> {
        let (_, p99) = self.upper?;
        self.reach_p99.map(|reach| reach.ratio(p99))
    }

    fn to_json(&self) -> Value {
        let bound = |reach: Option<Reach>| reach.map(Reach::bound);
        json!({
            "what": self.what,
            "unit": self.unit,
            "runs": self.runs,
            "p50": self.p50,
            "p90": self.upper.map(|(p90, _)| p90),
            "p99": self.upper.map(|(_, p99)| p99),
            "reach": bound(self.reach),
            "ratio": self.ratio(),
            "reach_p99": bound(self.reach_p99),
            "ratio_p99": self.ratio_p99(),
        })
    }

    fn line(&self) -> String {
        let number = |value: f64| match value.abs() {
            size if size >= 1000.0 => format!("{value:.0}"),
            size if size >= 10.0 => format!("{value:.1}"),
            _ => format!("{value:.2}"),
        };
        let upper = |pick: fn((f64, f64)) -> f64| {
            self.upper
                .map_or_else(String::new, |both| number(pick(both)))
        };
        let pair = |median: Option<String>, p99: Option<String>| match (median, p99) {
            (Some(median), Some(p99)) => format!("{median} / {p99}"),
            (median, p99) => median.or(p99).unwrap_or_default(),
        };
        let bound = |reach: Option<Reach>| {
            reach.map(|reach| match reach {
                Reach::AtMost(bound) => format!("≤ {bound}"),
                Reach::AtLeast(bound) => format!("≥ {bound}"),
            })
        };
        let times = |ratio: Option<f64>| ratio.map(|ratio| format!("{ratio:.2}"));
        format!(
            "{:<52} {:>9} {:>9} {:>9} {:<8} {:>13} {:>13}",
            self.what,
            number(self.p50),
            upper(|(p90, _)| p90),
            upper(|(_, p99)| p99),
            self.unit,
            pair(bound(self.reach), bound(self.reach_p99)),
            pair(times(self.ratio()), times(self.ratio_p99())),
        )
    }
}

/// Every figure of a run, shown as it comes.
pub(crate) struct Report {
    /// The machine's load before: what others do shows in every figure.
    load: f64,
    themes: Vec<(&'static str, Vec<Figure>)>,
}

impl Report {
    pub(crate) fn new() -> Result<Self, Failure> {
        print(&format!(
            "{:<52} {:>9} {:>9} {:>9} {:<8} {:>13} {:>13}",
            "", "median", "p90", "p99", "", "to reach", "ratio"
        ));
        Ok(Self {
            load: load()?,
            themes: Vec::new(),
        })
    }

    /// What follows belongs to this theme.
    pub(crate) fn theme(&mut self, name: &'static str) {
        print(&format!("\n{name}"));
        self.themes.push((name, Vec::new()));
    }

    pub(crate) fn add(&mut self, figure: Figure) {
        print(&figure.line());
        if let Some((_, figures)) = self.themes.last_mut() {
            figures.push(figure);
        }
    }

    fn ratios(&self) -> impl Iterator<Item = f64> {
        let figures = self.themes.iter().flat_map(|(_, figures)| figures);
        figures.flat_map(|figure| [figure.ratio(), figure.ratio_p99()].into_iter().flatten())
    }

    pub(crate) fn print_end(&self) -> Result<(), Failure> {
        let missed = self.ratios().filter(|ratio| *ratio > 1.0).count();
        print(&format!(
            "\nA ratio of 1 or less is reached: {} of {} are. The machine's load: {} before, {} after, on {} processors.",
            self.ratios().count() - missed,
            self.ratios().count(),
            self.load,
            load()?,
            processors(),
        ));
        Ok(std::io::stdout().flush()?)
    }

    pub(crate) fn to_json(&self) -> Value {
        let themes = self.themes.iter().map(|(name, figures)| {
            let figures: Vec<Value> = figures.iter().map(Figure::to_json).collect();
            ((*name).to_owned(), Value::Array(figures))
        });
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "processors": processors(),
            "load_before": self.load,
            "figures": Value::Object(themes.collect()),
        })
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

/// A reader that has gone away is no error.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
