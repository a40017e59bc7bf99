//! What was measured, and what is wanted of it.

use std::fmt;
use std::time::Duration;

/// Several measurements of one thing, in any unit.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    pub fn add_micros(&mut self, time: Duration) {
        self.add(time.as_secs_f64() * 1e6);
    }

    pub fn at(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len() - 1;
        sorted[(last as f64 * part).round() as usize]
    }

    pub fn median(&self) -> f64 {
        self.at(0.5)
    }
}

/// What is wanted of a figure.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// Less than this, whatever the floor.
    Below(f64),
    /// At most so many times the floor.
    AtMostTimes(f64),
    /// At least so many times the floor.
    AtLeastTimes(f64),
    /// Nothing: it is there to compare with.
    Nothing,
}

#[derive(Debug)]
struct Row {
    what: String,
    unit: &'static str,
    ours: Samples,
    floor: Option<Samples>,
    wanted: Wanted,
}

#[derive(Debug, Default)]
pub struct Table(Vec<Row>);

impl Table {
    pub fn add(&mut self, what: &str, unit: &'static str, ours: Samples, floor: Option<Samples>, wanted: Wanted) {
        let row = Row { what: what.to_owned(), unit, ours, floor, wanted };
        eprintln!("{row}");
        self.0.push(row);
    }

    pub fn all_hold(&self) -> bool {
        self.0.iter().all(|row| row.holds() != Some(false))
    }
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.floor.as_ref().map(|floor| self.ours.median() / floor.median())
    }

    fn holds(&self) -> Option<bool> {
        match self.wanted {
            Wanted::Below(limit) => Some(self.ours.median() < limit),
            Wanted::AtMostTimes(times) => self.ratio().map(|ratio| ratio <= times),
            Wanted::AtLeastTimes(times) => self.ratio().map(|ratio| ratio >= times),
            Wanted::Nothing => None,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spread =
            |samples: &Samples| format!("{:.1} ({:.1}–{:.1})", samples.median(), samples.at(0.0), samples.at(1.0));
        let floor = self.floor.as_ref().map(spread).unwrap_or_default();
        let ratio = self.ratio().map(|ratio| format!("{ratio:.2}x")).unwrap_or_default();
        let wanted = match self.wanted {
            Wanted::Below(limit) => format!("< {limit}"),
            Wanted::AtMostTimes(times) => format!("<= {times}x"),
            Wanted::AtLeastTimes(times) => format!(">= {times}x"),
            Wanted::Nothing => String::new(),
        };
        let holds = match self.holds() {
            Some(true) => "holds",
            Some(false) => "MISSED",
            None => "",
        };
        let (what, unit, ours) = (&self.what, self.unit, spread(&self.ours));
        write!(f, "| {what} | {unit} | {ours} | {floor} | {ratio} | {wanted} | {holds} |")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| figure | unit | ours: median (min–max) | floor: median (min–max) | ours / floor | wanted | |")?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- | --- |")?;
        self.0.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}
