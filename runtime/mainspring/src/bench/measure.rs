//! Figures: latencies in, a report out.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::error::CliError;
use crate::output::{self, Format};

/// Latencies of one kind of thing.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    sorted: Vec<Duration>,
}

impl Latencies {
    pub(super) fn new(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        Self { sorted: latencies }
    }

    pub(super) fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The latency that `share` (0 to 1) of all do not exceed, in milliseconds.
    pub(super) fn percentile_ms(&self, share: f64) -> f64 {
        let rank = (share * self.sorted.len() as f64).ceil() as usize;
        let latency = self.sorted.get(rank.saturating_sub(1));
        latency.copied().unwrap_or_default().as_secs_f64() * 1_000.0
    }
}

/// What a workload measured. Names carry their units.
#[derive(Debug)]
pub(super) struct Report {
    workload: &'static str,
    settings: Vec<(&'static str, Value)>,
    figures: Vec<(&'static str, f64)>,
}

impl Report {
    pub(super) fn new(workload: &'static str) -> Self {
        Self {
            workload,
            settings: Vec::new(),
            figures: Vec::new(),
        }
    }

    /// What the workload was told.
    pub(super) fn setting(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.settings.push((name, value.into()));
        self
    }

    /// What it found.
    pub(super) fn figure(mut self, name: &'static str, value: f64) -> Self {
        self.figures.push((name, value));
        self
    }

    /// The two percentiles that every latency is reported with.
    pub(super) fn latencies(self, latencies: &Latencies) -> Self {
        self.figure("p50_ms", latencies.percentile_ms(0.50))
            .figure("p99_ms", latencies.percentile_ms(0.99))
    }

    /// Prints it.
    pub(super) fn print(&self, format: Format) -> Result<(), CliError> {
        match format {
            Format::Json => output::line(&self.json().to_string()),
            Format::Text => output::line(&self.text()),
        }
    }

    fn json(&self) -> Value {
        let settings: Map<String, Value> = self
            .settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let figures: Map<String, Value> = self
            .figures
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(rounded(*value))))
            .collect();
        json!({"workload": self.workload, "settings": settings, "figures": figures})
    }

    fn text(&self) -> String {
        let settings: Vec<String> = self
            .settings
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut text = format!("{} {}\n", self.workload, settings.join(" "));
        let width = self.figures.iter().map(|(name, _)| name.len()).max();
        for (name, value) in &self.figures {
            let width = width.unwrap_or_default();
            text.push_str(&format!("  {name:width$}  {}\n", rounded(*value)));
        }
        text
    }
}

/// Three decimals below ten, one below a thousand, none above.
fn rounded(value: f64) -> f64 {
    let digits = match value.abs() {
        small if small < 10.0 => 1_000.0,
        middle if middle < 1_000.0 => 10.0,
        _ => 1.0,
    };
    (value * digits).round() / digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_latency_that_was_measured() {
        let latencies = Latencies::new((1..=100).rev().map(Duration::from_millis).collect());
        assert_eq!(latencies.percentile_ms(0.50), 50.0);
        assert_eq!(latencies.percentile_ms(0.99), 99.0);
        assert_eq!(Latencies::default().percentile_ms(0.99), 0.0);
    }

    #[test]
    fn a_report_reads_the_same_as_text_and_as_json() {
        let report = Report::new("order")
            .setting("in_flight", 64)
            .figure("workflows_per_s", 1_234.56)
            .figure("p50_ms", 2.71428);
        assert_eq!(
            report.text(),
            "order in_flight=64\n  workflows_per_s  1235\n  p50_ms           2.714\n"
        );
        assert_eq!(
            report.json()["figures"],
            json!({"workflows_per_s": 1235.0, "p50_ms": 2.714})
        );
    }
}
