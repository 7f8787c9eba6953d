//! Moments of a scenario: offsets from `start`, clock times of its zone, and full dates.
//!
//! A clock time is its first occurrence at or after `start`. An hour that a change of daylight
//! saving skips or repeats is refused: whoever writes `01:30` on that night must say which.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};

use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::unit;

/// What can be written, for messages.
pub const FORMS: &str = "an offset from `start` such as `4h 50m`, a clock time such as `\"10:50\"`, \
    `day 2 04:30`, or a date such as `2014-06-23T10:50`";

/// The start of a scenario, and its zone.
#[derive(Clone, Debug)]
pub struct Start {
    zone: TimeZone,
    zone_name: String,
    civil: DateTime,
    instant: Timestamp,
    warmup: SimDuration,
}

impl Start {
    /// From RFC 9557: `2014-06-23T06:00[America/New_York]`.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn parse(text: &str, warmup: SimDuration) -> Result<Start, String> {
        let text = text.trim();
        let bracket = text.find('[').filter(|_| text.ends_with(']')).ok_or_else(|| {
            format!(
                "`{text}` names no time zone; write it like `2014-06-23T06:00[America/New_York]`"
            )
        })?;
        let zone_name = &text[bracket + 1..text.len() - 1];
        let zone = zone(zone_name)?;
        let (civil, instant) = dated(&text[..bracket], &zone)?;
        Ok(Start { zone, zone_name: zone_name.to_owned(), civil, instant, warmup })
    }

    /// The start itself, from t = 0.
    pub fn zero(&self) -> SimTime {
        SimTime::ZERO + self.warmup
    }

    /// IANA name of the scenario's zone.
    pub fn zone_name(&self) -> &str {
        &self.zone_name
    }

    /// Seconds since 1970-01-01T00:00Z [s].
    pub fn unix_s(&self) -> i64 {
        self.instant.as_second()
    }

    /// Offset from UTC of a zone at `start` [s].
    ///
    /// # Errors
    /// If there is no such zone.
    pub fn offset_s(&self, zone_name: &str) -> Result<i64, String> {
        Ok(i64::from(zone(zone_name)?.to_offset(self.instant).seconds()))
    }

    /// A moment from t = 0.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn moment(&self, text: &str) -> Result<SimTime, String> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("day ") {
            return self.on_day(text, rest);
        }
        if let Some(time) = clock_time(text) {
            let today = self.civil.date();
            let date = if time >= self.civil.time() { today } else { next(today, 1)? };
            return self.at(DateTime::from_parts(date, time), text);
        }
        if is_dated(text) {
            return self.on_date(text);
        }
        match unit::parse_duration(text) {
            Ok(offset) => Ok(SimTime::ZERO + self.warmup + offset),
            Err(error) if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                Err(error.message)
            }
            Err(_) => Err(format!("`{text}` is not a time")),
        }
    }

    fn on_day(&self, text: &str, rest: &str) -> Result<SimTime, String> {
        let not = || format!("`{text}` is not a time");
        let (day, time) = rest.trim().split_once(' ').ok_or_else(not)?;
        let day: i32 = day.parse().ok().filter(|day| (1..=366).contains(day)).ok_or_else(not)?;
        let time = clock_time(time.trim()).ok_or_else(not)?;
        let date = next(self.civil.date(), day - 1)?;
        self.at(DateTime::from_parts(date, time), text)
    }

    fn on_date(&self, text: &str) -> Result<SimTime, String> {
        let (local, zone) = match text.split_once('[') {
            Some((local, name)) => (local, zone(name.trim_end_matches(']'))?),
            None => (text, self.zone.clone()),
        };
        let (_, instant) = dated(local, &zone)?;
        self.from_instant(instant, text)
    }

    fn at(&self, civil: DateTime, text: &str) -> Result<SimTime, String> {
        let instant = unambiguous(civil, &self.zone)?;
        self.from_instant(instant, text)
    }

    fn from_instant(&self, instant: Timestamp, text: &str) -> Result<SimTime, String> {
        let nanos = instant.as_nanosecond() - self.instant.as_nanosecond();
        let after = u64::try_from(nanos).map_err(|_| format!("`{text}` is before `start`"))?;
        Ok(SimTime::ZERO + self.warmup + SimDuration(after))
    }
}

/// `HH:MM` or `HH:MM:SS` as seconds after midnight [s].
pub fn second_of_day(text: &str) -> Option<f64> {
    let time = clock_time(text.trim())?;
    let (h, m, s) = (time.hour(), time.minute(), time.second());
    Some(f64::from(h) * 3_600.0 + f64::from(m) * 60.0 + f64::from(s))
}

fn clock_time(text: &str) -> Option<Time> {
    let parts: Vec<&str> = text.split(':').collect();
    let number = |part: &str| {
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse::<i8>().ok()).flatten()
    };
    match parts[..] {
        [h, m] => Time::new(number(h)?, number(m)?, 0, 0).ok(),
        [h, m, s] => Time::new(number(h)?, number(m)?, number(s)?, 0).ok(),
        _ => None,
    }
}

fn is_dated(text: &str) -> bool {
    text.len() >= 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[..4].is_ascii()
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("there is no time zone `{name}`"))
}

fn next(date: Date, days: i32) -> Result<Date, String> {
    date.checked_add(jiff::Span::new().days(days)).map_err(|error| error.to_string())
}

/// A local time, with or without its offset from UTC, in a zone.
fn dated(text: &str, zone: &TimeZone) -> Result<(DateTime, Timestamp), String> {
    let text = text.trim();
    let wrong = || format!("`{text}` is not a date and time like `2014-06-23T06:00`");
    let with_offset =
        text.ends_with(['Z', 'z']) || text.get(10..).is_some_and(|time| time.contains(['+', '-']));
    if with_offset {
        let instant: Timestamp = text.parse().map_err(|_| wrong())?;
        let offset: Offset = zone.to_offset(instant);
        let civil = offset.to_datetime(instant);
        let written: DateTime = text
            .trim_end_matches(['Z', 'z'])
            .parse()
            .or_else(|_| text[..text.rfind(['+', '-']).unwrap_or(text.len())].parse())
            .map_err(|_| wrong())?;
        if written != civil && !text.ends_with(['Z', 'z']) {
            return Err(format!("at `{text}` the zone's offset from UTC is {offset}"));
        }
        return Ok((civil, instant));
    }
    let civil: DateTime = text.parse().map_err(|_| wrong())?;
    Ok((civil, unambiguous(civil, zone)?))
}

fn unambiguous(civil: DateTime, zone: &TimeZone) -> Result<Timestamp, String> {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    if ambiguous.is_ambiguous() {
        let gap = matches!(ambiguous.offset(), jiff::tz::AmbiguousOffset::Gap { .. });
        let why = if gap { "does not exist" } else { "exists twice" };
        return Err(format!(
            "{civil} {why}: the clocks change then; write the offset from `start`, or from UTC"
        ));
    }
    ambiguous.unambiguous().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(text: &str) -> Start {
        Start::parse(text, SimDuration::from_secs(600)).unwrap()
    }

    fn hours(start: &Start, text: &str) -> f64 {
        (start.moment(text).unwrap().as_secs_f64() - 600.0) / 3_600.0
    }

    #[test]
    fn moments_count_from_the_start() {
        let start = start("2014-06-23T06:00[America/New_York]");
        assert_eq!(start.unix_s(), 1_403_517_600);
        assert_eq!(start.offset_s("America/Los_Angeles"), Ok(-7 * 3_600));
        assert_eq!(start.offset_s(start.zone_name()), Ok(-4 * 3_600));
        let cases = [
            ("10:30", 4.5),
            ("06:00", 0.0),
            ("05:00", 23.0),
            ("day 1 07:00", 1.0),
            ("day 2 04:30", 22.5),
            ("4h 30m", 4.5),
            ("2014-06-23T10:30", 4.5),
            ("2014-06-23T10:30-04:00", 4.5),
            ("2014-06-23T14:30Z", 4.5),
            ("2014-06-23T07:30[America/Los_Angeles]", 4.5),
        ];
        for (text, expected) in cases {
            assert_eq!(hours(&start, text), expected, "{text}");
        }
    }

    #[test]
    fn hours_that_the_clocks_skip_or_repeat_are_refused() {
        let spring = start("2014-03-08T12:00[America/New_York]");
        assert!(spring.moment("day 2 02:30").unwrap_err().contains("does not exist"));
        assert_eq!(hours(&spring, "day 2 03:30"), 14.5);
        let autumn = start("2014-11-01T12:00[America/New_York]");
        assert!(autumn.moment("01:30").unwrap_err().contains("exists twice"));
        assert_eq!(hours(&autumn, "2014-11-02T01:30-05:00"), 14.5);
        assert!(Start::parse("2014-03-09T02:30[America/New_York]", SimDuration::ZERO).is_err());
    }

    #[test]
    fn what_is_no_moment_says_why() {
        let start = start("2014-06-23T06:00[America/New_York]");
        let cases = [
            ("25:00", "not"),
            ("soon", "not a time"),
            ("90", "has no unit"),
            ("-1h", "below zero"),
            ("day 0 01:00", "not a time"),
            ("day 1 05:00", "before `start`"),
            ("2014-06-22T10:00", "before `start`"),
            ("2014-06-23T10:30-05:00", "offset"),
            ("2014-13-01T00:00", "not a date"),
            ("éééééééééééé", "not a time"),
        ];
        for (text, part) in cases {
            let message = start.moment(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
        for text in ["2014-06-23T06:00", "x[America/New_York]", "2014-06-23T06:00[Moon/Base]", "["]
        {
            assert!(Start::parse(text, SimDuration::ZERO).is_err(), "{text}");
        }
    }
}
