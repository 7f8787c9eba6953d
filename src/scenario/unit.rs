//! Scalars with units: `1h 30m`, `24k/s`, `400Gbps`, `64KiB`, `20%`, `50M`, `8x`.
//!
//! `m` is always minutes and `M` always a million. A number without a unit where one is needed is
//! an error that names the units it could have had; below zero and infinite never pass.

use crate::kernel::time::SimDuration;
use crate::scenario::problem::Code;

/// Longest duration that a scenario can mean [s]: ten years, far below where nanoseconds overflow.
const DURATION_MAX_S: f64 = 10.0 * 365.25 * 86_400.0;

/// Largest number of anything: beyond it an `f64` no longer counts one by one.
const COUNT_MAX: f64 = 9_007_199_254_740_992.0;

/// What kind of quantity a scalar is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unit {
    /// A length of time, base unit 1 s.
    Duration,
    /// A share of a whole, 0 % to 100 %, base unit 1.
    Share,
    /// A percentage that may be above 100 %, base unit 1.
    Percent,
    /// So many a time, base unit 1/s.
    Rate,
    /// Bits a second, base unit 1 bit/s.
    Bandwidth,
    /// An amount of data, base unit 1 byte.
    Bytes,
    /// A factor: `8x`, or a bare number.
    Factor,
    /// A whole number between the two, the one kind that needs no unit.
    Count(u64, u64),
    /// Mailbox-minutes.
    MailboxMinutes,
    /// A geographical angle: a bare number that may be negative [degrees].
    Degrees,
    /// `1` or `1/N`, base unit N.
    Scale,
}

/// Why a scalar is not the quantity that is needed.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitError {
    /// Kind of mistake.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to write.
    pub help: Option<String>,
}

const PREFIXES: &[(&str, f64)] = &[("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9)];
const TIMES: &[(&str, f64)] = &[
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("min", 60.0),
    ("h", 3_600.0),
    ("d", 86_400.0),
];
const BANDWIDTHS: &[(&str, f64)] =
    &[("bps", 1.0), ("kbps", 1e3), ("Mbps", 1e6), ("Gbps", 1e9), ("Tbps", 1e12), ("Pbps", 1e15)];
const BYTES: &[(&str, f64)] = &[
    ("B", 1.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
];

impl Unit {
    /// What it is called, with its article.
    pub fn called(self) -> &'static str {
        match self {
            Unit::Duration => "a duration",
            Unit::Share => "a share",
            Unit::Percent => "a percentage",
            Unit::Rate => "a rate",
            Unit::Bandwidth => "a bandwidth",
            Unit::Bytes => "a size",
            Unit::Factor => "a factor",
            Unit::Count(..) => "a whole number",
            Unit::MailboxMinutes => "an amount of mailbox-minutes",
            Unit::Degrees => "degrees",
            Unit::Scale => "a scale",
        }
    }

    /// The units it can be written in, for messages and the schema.
    pub fn examples(self) -> &'static str {
        match self {
            Unit::Duration => "`250ms`, `30s`, `5m`, `1h 30m`, `2d` (`m` is minutes)",
            Unit::Share | Unit::Percent => "`20%`, `99.9%`",
            Unit::Rate => "`1200/s`, `24k/s`, `30/m`, `6/h`, `2/d`",
            Unit::Bandwidth => "`10Mbps`, `400Gbps`, `1.6Tbps`",
            Unit::Bytes => "`512B`, `64KiB`, `2MB`",
            Unit::Factor => "`8x`, `1.5x`",
            Unit::Count(..) => "`400`, `24k`, `50M`",
            Unit::MailboxMinutes => "`600M mailbox-min`",
            Unit::Degrees => "`41.85`, `-87.65`",
            Unit::Scale => "`1/1000`",
        }
    }

    /// A regular expression (ECMA 262) of what can be written, for the schema.
    pub fn pattern(self) -> &'static str {
        match self {
            Unit::Duration => r"^\s*([0-9.]+\s*(ns|us|µs|ms|s|m|min|h|d)\s*)+$",
            Unit::Share | Unit::Percent => r"^[0-9.]+\s*%$",
            Unit::Rate => r"^[0-9.]+\s*[kMG]?\s*/\s*(s|m|min|h|d)$",
            Unit::Bandwidth => r"^[0-9.]+\s*[kMGTP]?bps$",
            Unit::Bytes => r"^[0-9.]+\s*([kMGT]|[KMGT]i)?B$",
            Unit::Factor => r"^[0-9.]+\s*x?$",
            Unit::Count(..) => r"^[0-9.]+\s*[kMG]?$",
            Unit::MailboxMinutes => r"^[0-9.]+\s*[kMG]?\s*mailbox-min$",
            Unit::Degrees => r"^-?[0-9.]+$",
            Unit::Scale => r"^1(/[0-9]+)?$",
        }
    }

    /// Whether a bare number is complete.
    pub fn bare(self) -> bool {
        matches!(self, Unit::Factor | Unit::Count(..) | Unit::Degrees | Unit::Scale)
    }

    fn factor_of(self, suffix: &str) -> Option<f64> {
        let find = |table: &[(&str, f64)]| {
            table.iter().find(|(unit, _)| *unit == suffix).map(|(_, factor)| *factor)
        };
        match self {
            Unit::Duration => find(TIMES),
            Unit::Share | Unit::Percent => (suffix == "%").then_some(0.01),
            Unit::Rate => {
                let (prefix, time) = suffix.split_once('/')?;
                let time = time.trim();
                let per = TIMES.iter().find(|(unit, s)| *unit == time && *s >= 1.0)?.1;
                let count = PREFIXES.iter().find(|(unit, _)| *unit == prefix.trim())?.1;
                Some(count / per)
            }
            Unit::Bandwidth => find(BANDWIDTHS),
            Unit::Bytes => find(BYTES),
            Unit::Factor => find(&[("", 1.0), ("x", 1.0)]),
            Unit::Count(..) => find(PREFIXES),
            Unit::MailboxMinutes => {
                let prefix = suffix.strip_suffix("mailbox-min")?.trim();
                PREFIXES.iter().find(|(unit, _)| *unit == prefix).map(|(_, factor)| *factor)
            }
            Unit::Degrees => (suffix.is_empty()).then_some(1.0),
            Unit::Scale => None,
        }
    }
}

/// A scalar in the base unit of its kind.
///
/// # Errors
/// What is wrong with it, and the units it could have had.
pub fn parse(unit: Unit, text: &str) -> Result<f64, UnitError> {
    let text = text.trim();
    match unit {
        Unit::Duration => parse_duration(text).map(SimDuration::as_secs_f64),
        Unit::Scale => parse_scale(text).map(|n| n as f64),
        Unit::Count(min, max) => parse_count(text, min, max).map(|count| count as f64),
        _ => {
            let value = one(unit, text)?;
            if unit == Unit::Share && value > 1.0 {
                let message = format!("`{text}` is more than the whole");
                return Err(error(Code::OutOfRange, message, "a share is 0% to 100%"));
            }
            Ok(value)
        }
    }
}

/// A whole number from `min` to `max`; digits alone are exact up to 2^64 - 1.
///
/// # Errors
/// As [`parse`].
pub fn parse_count(text: &str, min: u64, max: u64) -> Result<u64, UnitError> {
    let text = text.trim();
    let count = match text.parse::<u64>() {
        Ok(count) => count,
        Err(_) => {
            let value = one(Unit::Count(min, max), text)?;
            if value.fract() != 0.0 {
                let message = format!("`{text}` is not a whole number");
                return Err(error(Code::OutOfRange, message, "only whole ones can be had here"));
            }
            if value > COUNT_MAX {
                let message = format!("`{text}` is more than can be counted");
                return Err(error(Code::OutOfRange, message, "the largest count is 2^53"));
            }
            value as u64
        }
    };
    if count < min || count > max {
        let message = format!("`{text}` is out of range");
        let help = if max == u64::MAX {
            format!("at least {min}")
        } else {
            format!("between {min} and {max}")
        };
        return Err(UnitError { code: Code::OutOfRange, message, help: Some(help) });
    }
    Ok(count)
}

/// A duration of one or more parts: `90s`, `1h 30m`, `1.5h`.
///
/// # Errors
/// As [`parse`].
pub fn parse_duration(text: &str) -> Result<SimDuration, UnitError> {
    let mut rest = text.trim();
    let mut seconds = 0.0;
    loop {
        let number_end = number_length(rest);
        let after = rest[number_end..].trim_start();
        let unit_end = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let next = after[unit_end..].trim_start();
        // What follows a part must be another part; else the whole text is at fault.
        let another = number_end > 0 && unit_end > 0 && number_length(next) > 0;
        let part = if next.is_empty() || another { &rest[..rest.len() - next.len()] } else { text };
        seconds += one(Unit::Duration, part.trim_end())?;
        rest = next;
        if rest.is_empty() {
            break;
        }
        if !another {
            return Err(error_of(
                Code::NotANumber,
                format!("`{text}` is not a duration"),
                Unit::Duration,
            ));
        }
    }
    if seconds > DURATION_MAX_S {
        let message = format!("`{text}` is longer than ten years");
        return Err(error(Code::OutOfRange, message, "no run lasts that long"));
    }
    Ok(SimDuration::from_secs_f64(seconds))
}

fn parse_scale(text: &str) -> Result<u64, UnitError> {
    let denominator = match text.split_once('/') {
        Some((one, n)) if one.trim() == "1" => n.trim().parse::<u64>().ok(),
        None if text == "1" => Some(1),
        _ => None,
    };
    denominator.filter(|&n| (1..=1_000_000_000).contains(&n)).ok_or_else(|| {
        let message = format!("`{text}` is not a scale");
        error(Code::NotANumber, message, "a scale is `1` or `1/N` with a whole N, such as `1/1000`")
    })
}

/// Characters of the number that `text` begins with.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let digits_from = at;
    while at < bytes.len() && (bytes[at].is_ascii_digit() || bytes[at] == b'.') {
        at += 1;
    }
    if at == digits_from {
        return 0;
    }
    let exponent = &bytes[at..];
    if let [b'e' | b'E', rest @ ..] = exponent {
        let sign = usize::from(matches!(rest.first(), Some(b'+' | b'-')));
        let digits = rest[sign..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits > 0 {
            at += 1 + sign + digits;
        }
    }
    at
}

/// One number with one unit.
fn one(unit: Unit, text: &str) -> Result<f64, UnitError> {
    let length = number_length(text);
    let lower = text.trim_start_matches(['+', '-', '.']).to_ascii_lowercase();
    if ["inf", "nan"].iter().any(|word| lower.starts_with(word)) && length == 0 {
        let message = format!("`{text}` is not a finite number");
        return Err(error_of(Code::NotFinite, message, unit));
    }
    let Ok(number) = text[..length].parse::<f64>() else {
        let message = format!("`{text}` is not {}", unit.called());
        return Err(error_of(Code::NotANumber, message, unit));
    };
    if !number.is_finite() {
        let message = format!("`{text}` is too large to be a number");
        return Err(error_of(Code::NotFinite, message, unit));
    }
    let negative = number < 0.0 || text.starts_with('-');
    if negative && unit != Unit::Degrees {
        let message = format!("`{text}` is below zero");
        return Err(error_of(Code::Negative, message, unit));
    }
    let suffix = text[length..].trim();
    match unit.factor_of(suffix) {
        // Read as hundredths, not divided by 100: 99.9% is the number nearest to 0.999.
        Some(_) if suffix == "%" => {
            Ok(format!("{}e-2", &text[..length]).parse().unwrap_or(number / 100.0))
        }
        Some(factor) if (number * factor).is_finite() => Ok(scaled(number, factor)),
        Some(_) => {
            let message = format!("`{text}` is too large to be a number");
            Err(error_of(Code::NotFinite, message, unit))
        }
        None if suffix.is_empty() => {
            let message = format!("`{text}` has no unit; {} is needed here", unit.called());
            Err(error_of(Code::MissingUnit, message, unit))
        }
        None => {
            let message = format!("`{text}` is not {}", unit.called());
            Err(UnitError { code: Code::WrongUnit, message, help: Some(unit_help(unit, text)) })
        }
    }
}

/// Divides by the inverse where that is a whole number: 99 % is 99/100, to the last bit.
fn scaled(number: f64, factor: f64) -> f64 {
    let inverse = (1.0 / factor).round();
    if factor < 1.0 && ((1.0 / factor) - inverse).abs() < 1e-6 * inverse {
        number / inverse
    } else {
        number * factor
    }
}

fn unit_help(unit: Unit, text: &str) -> String {
    let meant = match unit {
        Unit::Duration if text.ends_with('M') => "`M` is a million, `m` is minutes; ",
        Unit::Count(..) if text.ends_with('m') => "`m` is minutes, `M` is a million; ",
        Unit::Bandwidth if text.ends_with('B') || text.ends_with("B/s") => "bandwidth is in bits; ",
        _ => "",
    };
    format!("{meant}write it like {}", unit.examples())
}

fn error_of(code: Code, message: String, unit: Unit) -> UnitError {
    UnitError { code, message, help: Some(format!("write it like {}", unit.examples())) }
}

fn error(code: Code, message: String, help: &str) -> UnitError {
    UnitError { code, message, help: Some(help.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_give_base_units_exactly() {
        let cases = [
            (Unit::Share, "99%", 0.99),
            (Unit::Share, "99.9%", 0.999),
            (Unit::Share, "1e1%", 0.1),
            (Unit::Share, "0.1 %", 0.001),
            (Unit::Percent, "120%", 1.2),
            (Unit::Rate, "24k/s", 24_000.0),
            (Unit::Rate, "6/h", 6.0 / 3_600.0),
            (Unit::Rate, "1.2M / min", 20_000.0),
            (Unit::Bandwidth, "400Gbps", 4e11),
            (Unit::Bytes, "64KiB", 65_536.0),
            (Unit::Bytes, "2kB", 2_000.0),
            (Unit::Factor, "1.5x", 1.5),
            (Unit::Factor, "2", 2.0),
            (Unit::Count(0, u64::MAX), "23.8M", 23_800_000.0),
            (Unit::MailboxMinutes, "600M mailbox-min", 6e8),
            (Unit::Degrees, "-87.650", -87.65),
            (Unit::Scale, "1/1000", 1000.0),
        ];
        for (unit, text, value) in cases {
            assert_eq!(parse(unit, text), Ok(value), "{text}");
        }
    }

    #[test]
    fn durations_have_parts() {
        let cases = [
            ("250ms", 250_000_000),
            ("1h 30m", 5_400_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5h", 5_400_000_000_000),
            ("0s", 0),
            ("1d 1s", 86_401_000_000_000),
            ("10 min", 600_000_000_000),
            ("7ns", 7),
        ];
        for (text, nanos) in cases {
            assert_eq!(parse_duration(text), Ok(SimDuration(nanos)), "{text}");
            let shown = SimDuration(nanos).to_string();
            assert_eq!(parse_duration(&shown), Ok(SimDuration(nanos)), "{shown}");
        }
    }

    #[test]
    fn mistakes_have_codes_and_say_what_to_write() {
        let cases = [
            (Unit::Duration, "30", Code::MissingUnit, "`30s`"),
            (Unit::Duration, "1h 30", Code::MissingUnit, "`1h 30m`"),
            (Unit::Duration, "30M", Code::WrongUnit, "`m` is minutes"),
            (Unit::Duration, "30Gbps", Code::WrongUnit, "`5m`"),
            (Unit::Duration, "-5s", Code::Negative, ""),
            (Unit::Duration, "-0s", Code::Negative, ""),
            (Unit::Duration, ".inf", Code::NotFinite, ""),
            (Unit::Duration, "1e999s", Code::NotFinite, ""),
            (Unit::Duration, "soon", Code::NotANumber, ""),
            (Unit::Duration, "", Code::NotANumber, ""),
            (Unit::Duration, "1h, 3m", Code::WrongUnit, ""),
            (Unit::Duration, "20y", Code::WrongUnit, ""),
            (Unit::Duration, "20000d", Code::OutOfRange, ""),
            (Unit::Share, "0.5", Code::MissingUnit, "`20%`"),
            (Unit::Share, "120%", Code::OutOfRange, ""),
            (Unit::Rate, "5", Code::MissingUnit, "`6/h`"),
            (Unit::Rate, "5/ms", Code::WrongUnit, ""),
            (Unit::Bandwidth, "5GB", Code::WrongUnit, "bits"),
            (Unit::Count(1, 9), "10", Code::OutOfRange, "between 1 and 9"),
            (Unit::Count(0, 9), "1.5", Code::OutOfRange, ""),
            (Unit::Count(0, u64::MAX), "5m", Code::WrongUnit, "`M` is a million"),
            (Unit::Factor, "nan", Code::NotFinite, ""),
            (Unit::Scale, "0.001", Code::NotANumber, "1/N"),
            (Unit::Scale, "1/0", Code::NotANumber, ""),
        ];
        for (unit, text, code, help) in cases {
            let error = parse(unit, text).unwrap_err();
            assert_eq!(error.code, code, "{text}: {error:?}");
            assert!(error.help.as_ref().unwrap().contains(help), "{text}: {error:?}");
        }
    }
}
