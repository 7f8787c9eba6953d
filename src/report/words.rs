//! Quantities as people read them: clock times, durations, shares, counts, latencies.

use crate::measure::outcome::ScenarioSummary;

/// The scenario's clock: turns seconds from `start` into clock times of its zone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// Local time of `start` as seconds since 1970-01-01T00:00 local.
    local_start_s: i64,
    utc_offset_s: i64,
}

impl Clock {
    /// The clock of what was run.
    pub(crate) fn of(scenario: &ScenarioSummary) -> Clock {
        Clock {
            local_start_s: scenario.start_unix_s + scenario.utc_offset_s,
            utc_offset_s: scenario.utc_offset_s,
        }
    }

    /// Seconds since local midnight of the first day, where `start` is at `at_s` = 0.
    pub(crate) fn since_midnight_s(&self) -> f64 {
        self.local_start_s.rem_euclid(86_400) as f64
    }

    fn local_s(&self, at_s: f64) -> i64 {
        self.local_start_s.saturating_add(at_s.round() as i64)
    }

    /// `06:47`.
    pub(crate) fn minutes(&self, at_s: f64) -> String {
        let second = self.local_s(at_s).rem_euclid(86_400);
        format!("{:02}:{:02}", second / 3600, second / 60 % 60)
    }

    /// `06:47:10`.
    pub(crate) fn seconds(&self, at_s: f64) -> String {
        let second = self.local_s(at_s).rem_euclid(86_400);
        format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
    }

    /// `06:47:10`, or `day 2 06:47:10` after the first midnight.
    pub(crate) fn full(&self, at_s: f64) -> String {
        let day = self.local_s(at_s).div_euclid(86_400) - self.local_start_s.div_euclid(86_400) + 1;
        if day == 1 { self.seconds(at_s) } else { format!("day {day} {}", self.seconds(at_s)) }
    }

    /// Clock time for a label in a run of some length: with seconds in a run under an hour, where
    /// minutes would say nothing, with the day in a run over a day.
    pub(crate) fn label(&self, at_s: f64, run_s: f64) -> String {
        match run_s {
            s if s < 3600.0 => self.seconds(at_s),
            s if s <= 86_400.0 => self.minutes(at_s),
            _ => {
                let full = self.full(at_s);
                full[..full.len() - 3].to_string()
            }
        }
    }

    /// `Mon 23 Jun 2014`.
    pub(crate) fn date(&self, at_s: f64) -> String {
        match jiff::Timestamp::from_second(self.local_s(at_s)) {
            Ok(stamp) => {
                stamp.to_zoned(jiff::tz::TimeZone::UTC).strftime("%a %-d %b %Y").to_string()
            }
            Err(_) => String::new(),
        }
    }

    /// `UTC-4`, `UTC+5:30`.
    pub(crate) fn zone(&self) -> String {
        let (sign, offset) = if self.utc_offset_s < 0 {
            ('−', -self.utc_offset_s)
        } else {
            ('+', self.utc_offset_s)
        };
        match (offset / 3600, offset / 60 % 60) {
            (0, 0) => "UTC".to_string(),
            (hours, 0) => format!("UTC{sign}{hours}"),
            (hours, minutes) => format!("UTC{sign}{hours}:{minutes:02}"),
        }
    }
}

/// `+1:05:10` after `start`, `−0:00:30` before it.
pub(crate) fn offset(at_s: f64) -> String {
    let sign = if at_s < 0.0 { '−' } else { '+' };
    let second = at_s.abs().round() as u64;
    format!("{sign}{}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// `12 min 30 s`, `3 h 05 min`; two units at most.
pub(crate) fn duration(length_s: f64) -> String {
    if !length_s.is_finite() {
        return "without end".to_string();
    }
    if length_s < 0.0 {
        return format!("−{}", duration(-length_s));
    }
    if length_s < 59.5 {
        return latency(length_s);
    }
    let second = length_s.round() as u64;
    let (day, hour, minute) = (second / 86_400, second / 3600 % 24, second / 60 % 60);
    match (day, hour, minute, second % 60) {
        (0, 0, minute, 0) => format!("{minute} min"),
        (0, 0, minute, second) => format!("{minute} min {second} s"),
        (0, hour, 0, _) => format!("{hour} h"),
        (0, hour, minute, _) => format!("{hour} h {minute:02} min"),
        (day, 0, _, _) => format!("{day} d"),
        (day, hour, _, _) => format!("{day} d {hour} h"),
    }
}

/// `850 µs`, `12 ms`, `1.2 s`, `35 s`, `12 min`: three digits at most.
pub(crate) fn latency(length_s: f64) -> String {
    let digits = |value: f64| {
        let decimals = if value >= 9.95 { 0 } else { 1 };
        let text = format!("{value:.decimals$}");
        text.strip_suffix(".0").map(str::to_string).unwrap_or(text)
    };
    match length_s {
        s if s < 0.000_000_05 => "0 s".to_string(),
        s if s < 0.000_999_5 => format!("{} µs", digits(s * 1e6)),
        s if s < 0.999_5 => format!("{} ms", digits(s * 1e3)),
        s if s < 59.5 => format!("{} s", digits(s)),
        s => duration(s),
    }
}

/// `99.95 %`: as many digits as tell it from 100 %, at least one; never rounded up to 100 %.
pub(crate) fn share(value: f64) -> String {
    if !(0.0..=1.0).contains(&value) || value == 0.0 || value == 1.0 {
        return format!("{:.0} %", value * 100.0);
    }
    let missing = 1.0 - value;
    let (decimals, scale) = match missing {
        m if m < 0.000_1 => (4, 1e4),
        m if m < 0.001 => (3, 1e3),
        m if m < 0.01 => (2, 1e2),
        _ => (1, 1e1),
    };
    // A millionth of the last digit makes up for what binary fractions lack: 99.95 stays 99.95.
    let shown = (value * 100.0 * scale + 1e-6).floor() / scale;
    let text = format!("{shown:.decimals$}");
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `1,234`, `12.3 k`, `50 M`, `1.2 G`.
pub(crate) fn count(value: f64) -> String {
    let magnitude = value.abs();
    let digits = |value: f64| {
        let decimals = if value.abs() >= 99.95 { 0 } else { 1 };
        let text = format!("{value:.decimals$}");
        text.strip_suffix(".0").map(str::to_string).unwrap_or(text)
    };
    match magnitude {
        m if m >= 999.95e6 => format!("{} G", digits(value / 1e9)),
        m if m >= 999.95e3 => format!("{} M", digits(value / 1e6)),
        m if m >= 9_999.5 => format!("{} k", digits(value / 1e3)),
        m if m >= 999.5 => integer(value.round() as u64),
        m if m >= 10.0 || value == value.round() => format!("{value:.0}"),
        _ => digits(value),
    }
}

/// `1,234,567`.
pub(crate) fn integer(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Numbers at the ticks of an axis: `0`, `250`, `1.5k`, `20M`.
pub(crate) fn tick(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        m if m >= 1e9 => (value / 1e9, "G"),
        m if m >= 1e6 => (value / 1e6, "M"),
        m if m >= 1e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{scaled:.3}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A text cut to a number of characters, an ellipsis for what is missing.
pub(crate) fn shortened(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_string();
    }
    let mut kept: String = text.chars().take(characters.saturating_sub(1)).collect();
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_never_rounded_up_to_all() {
        assert_eq!(share(0.99996), "99.996 %");
        assert_eq!(share(0.999), "99.9 %");
        assert_eq!(share(0.9995), "99.95 %");
        assert_eq!(share(0.6), "60 %");
        assert_eq!(share(0.5), "50 %");
        assert_eq!(share(0.875), "87.5 %");
        assert_eq!(share(1.0), "100 %");
        assert_eq!(share(0.999_999_9), "99.9999 %");
        assert_eq!(share(1.2), "120 %");
    }

    #[test]
    fn durations_and_counts_in_words() {
        let durations: Vec<String> =
            [0.0, 0.000_25, 0.012, 1.25, 45.0, 60.0, 750.0, 3900.0, 7200.0, 100_000.0]
                .map(duration)
                .to_vec();
        assert_eq!(
            durations,
            [
                "0 s",
                "250 µs",
                "12 ms",
                "1.2 s",
                "45 s",
                "1 min",
                "12 min 30 s",
                "1 h 05 min",
                "2 h",
                "1 d 3 h"
            ]
        );
        assert_eq!(
            [0.5, 3.0, 640.0, 1234.0, 12_345.0, 50e6, 2.5e9].map(count).to_vec(),
            ["0.5", "3", "640", "1,234", "12.3 k", "50 M", "2.5 G"]
        );
        assert_eq!(offset(-30.0), "−0:00:30");
        assert_eq!([0.0, 0.25, 1500.0, 2e7].map(tick).to_vec(), ["0", "0.25", "1.5k", "20M"]);
        assert_eq!(shortened("divert a quarter", 8), "divert…");
    }

    #[test]
    fn clock_times_follow_the_zone_and_the_days() {
        let clock = Clock { local_start_s: 1_403_517_600 - 4 * 3600, utc_offset_s: -4 * 3600 };
        assert_eq!(clock.full(47.0 * 60.0), "06:47:00");
        assert_eq!(clock.full(19.0 * 3600.0), "day 2 01:00:00");
        assert_eq!(clock.date(0.0), "Mon 23 Jun 2014");
        assert_eq!(clock.zone(), "UTC−4");
        let at_s = 19.0 * 3600.0;
        let labels = [600.0, 72_000.0, 200_000.0].map(|run_s| clock.label(at_s, run_s));
        assert_eq!(labels, ["01:00:00", "01:00", "day 2 01:00"]);
    }
}
