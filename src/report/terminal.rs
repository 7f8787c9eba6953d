//! The end of a run on a terminal, in a screenful: words, two small plots, targets, verdict.

use comfy_table::{ContentArrangement, Table, presets};

use crate::measure::outcome::{Incident, Outcome, PipelineSeries, Results};

use super::agreement;
use super::plot::Shown;
use super::words::{self, Clock};

/// Eighths of a block, from empty to full.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Narrowest and widest text laid out [columns].
const WIDTHS: (usize, usize) = (40, 110);
/// Room for the names and numbers beside the small plots [columns].
const NAMES: usize = 20;

/// Colours of terminals, by what they mean; nothing is said by colour alone.
#[derive(Clone, Copy)]
struct Paint {
    on: bool,
}

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_string() }
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    fn bad(self, text: &str) -> String {
        self.with("31", text)
    }
}

/// What a run gave, in a screenful of `width` columns; ends with a line break.
pub fn summary(results: &Results, width: usize, color: bool) -> String {
    let width = width.clamp(WIDTHS.0, WIDTHS.1);
    let paint = Paint { on: color };
    let scenario = &results.scenario;
    let mut lines = vec![format!(
        "{} · {} because {} · scale {} · {}",
        scenario.name,
        scenario.fidelity,
        scenario.fidelity_reason,
        if scenario.scale > 1 {
            format!("1/{}", words::integer(scenario.scale))
        } else {
            "1".into()
        },
        if results.trials.len() > 1 {
            format!("seeds {} and {} after it", scenario.seed, results.trials.len() - 1)
        } else {
            format!("seed {}", scenario.seed)
        },
    )];
    let title = match &scenario.variant {
        Some(variant) => format!("{} [{variant}]", plain(&scenario.title)),
        None => plain(&scenario.title),
    };
    lines.push(String::new());
    lines.extend(wrapped(&title, width).into_iter().map(|line| paint.bold(&line)));
    if let Some(shown) = Shown::of(results) {
        for sentence in story(&shown) {
            lines.extend(wrapped(&sentence, width));
        }
        lines.push(String::new());
        lines.extend(plots(&shown, width, paint));
    }
    if !results.verdict.targets.is_empty() {
        lines.push(String::new());
        lines.extend(targets(results, width).lines().map(|line| line.trim_end().to_string()));
    }
    lines.push(String::new());
    lines.push(verdict(results, paint));
    if let Some(sentence) = agreement::sentence(results) {
        lines.extend(wrapped(&sentence, width));
    }
    lines.push(format!("digest {}", results.digest));
    lines.join("\n") + "\n"
}

/// Text without the control characters that could steer a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn verdict(results: &Results, paint: Paint) -> String {
    let targets = &results.verdict.targets;
    let missed = targets.iter().filter(|target| !target.met).count();
    match (targets.len(), results.verdict.passed) {
        (0, _) => "no targets to judge".to_string(),
        (count, true) => paint.good(&format!("PASSED  {count} of {count} targets met")),
        (count, false) => paint.bad(&format!("MISSED  {missed} of {count} targets missed")),
    }
}

/// What happened, a sentence an entry.
pub(super) fn story(shown: &Shown<'_>) -> Vec<String> {
    let trial = shown.trial;
    let incident = &trial.incident;
    let clock = &shown.clock;
    let mut story = Vec::new();
    let count = shown.results.trials.len();
    if count > 1 {
        let seed = trial.seed;
        story.push(format!(
            "Of {count} trials, this is the one with the median recovery: seed {seed}."
        ));
    }
    if let Some(fault_s) = incident.fault_s {
        let span =
            incident.fault_end_s.map(|end| format!(", for {}", words::duration(end - fault_s)));
        let span = span.unwrap_or_else(|| ", to the end of the run".to_string());
        story.push(format!("{} fault{span}.", when(clock, fault_s)));
    }
    let Some(impact_s) = incident.impact_s else {
        let threshold = words::share(incident.threshold);
        story.push(format!("No impact: availability never fell under {threshold} for a minute."));
        story.extend(mail(trial));
        return story;
    };
    story.push(format!(
        "{} impact: availability under {}{}.",
        when(clock, impact_s),
        words::share(incident.threshold),
        incident
            .lowest_availability
            .map(|l| format!(", {} at worst", words::share(l)))
            .unwrap_or_default(),
    ));
    story.extend(response(incident, clock));
    story.push(ending(incident, clock, impact_s));
    if incident.metastable {
        story.push(
            "Metastable: the overload kept itself up after its trigger had gone; without retries \
             and re-sign-ins it would have gone with it."
                .to_string(),
        );
    }
    story.push(felt(trial));
    story.extend(mail(trial));
    story
}

/// `06:47:10 +0:47:10`, as every line of the story begins.
fn when(clock: &Clock, at_s: f64) -> String {
    format!("{} ({})", clock.full(at_s), words::offset(at_s))
}

/// Who did what until it got better.
fn response(incident: &Incident, clock: &Clock) -> Option<String> {
    let steps = [
        ("detected", incident.detected_s),
        ("decided", incident.decided_s),
        ("acted", incident.acted_s),
        ("half-way back", incident.mitigated_s),
    ];
    let said: Vec<String> = steps
        .iter()
        .filter_map(|(name, at_s)| at_s.map(|at_s| format!("{name} {}", clock.full(at_s))))
        .collect();
    (!said.is_empty()).then(|| format!("Response: {}.", said.join(", ")))
}

fn ending(incident: &Incident, clock: &Clock, impact_s: f64) -> String {
    let relapses = match incident.relapses_s.len() {
        0 => String::new(),
        1 => " after a relapse".to_string(),
        count => format!(" after {count} relapses"),
    };
    match incident.recovered_s {
        Some(at_s) => format!(
            "{} recovered{relapses}, {} after impact began.",
            when(clock, at_s),
            words::duration(at_s - impact_s)
        ),
        None => "Not recovered by the end of the run (censored).".to_string(),
    }
}

/// A sentence for each pipeline whose messages were late or did not arrive.
fn mail(trial: &Outcome) -> Vec<String> {
    let of_pipeline = |pipeline: &PipelineSeries| {
        let series = trial.series.operations.iter().find(|of| of.client == pipeline.name)?;
        let sum = |of: &[f64]| of.iter().sum::<f64>();
        let demand = sum(&series.demand_per_s).max(f64::MIN_POSITIVE);
        let (late, failed) = (sum(&series.late_per_s), sum(&series.failed_per_s));
        let waited = pipeline.backlog.iter().copied().fold(0.0, f64::max);
        let oldest_s = pipeline.oldest_s.iter().flatten().copied().fold(0.0, f64::max);
        let bounced = match failed > 0.0 {
            true => format!(", {} bounced", words::share(failed / demand)),
            false => String::new(),
        };
        (late + failed > 0.0).then(|| {
            format!(
                "{}: {} of the messages late{bounced}; up to {} waited at once, the oldest for {}.",
                plain(&pipeline.name),
                words::share(late / demand),
                words::count(waited),
                words::duration(oldest_s)
            )
        })
    };
    trial.series.pipelines.iter().filter_map(of_pipeline).collect()
}

fn felt(trial: &Outcome) -> String {
    let impact = &trial.impact;
    let sampled = impact.tracers.as_ref().map_or_else(String::new, |tracers| {
        format!(" (± {}, of {} followed)", words::duration(tracers.mean_within_s), tracers.count)
    });
    format!(
        "{} of {} mailboxes felt it, {}{sampled} on average; {} mailbox-minutes lost; up to {} \
        attempts for one.",
        words::count(impact.mailboxes_affected),
        words::count(impact.mailboxes),
        words::duration(impact.felt_downtime_mean_s),
        words::count(impact.mailbox_minutes_lost),
        words::tick((impact.amplification_peak * 100.0).round() / 100.0),
    )
}

/// Availability at its lowest and amplification at its highest in each column, over a ruler.
fn plots(shown: &Shown<'_>, width: usize, paint: Paint) -> Vec<String> {
    let series = &shown.trial.series;
    let incident = &shown.trial.incident;
    let columns = width - NAMES;
    let lowest = columns_of(&series.availability, columns, f64::min);
    let floor = lowest.iter().flatten().copied().fold(incident.threshold, f64::min);
    let floor = if floor > 0.9 { 0.9 } else { 0.0 };
    let bad = |value: f64| value < incident.threshold;
    let mut lines = Vec::new();
    for row in [1, 0] {
        let cells: String = lowest
            .iter()
            .map(|cell| match cell {
                None => " ".to_string(),
                Some(value) => {
                    let eighths = ((value - floor) / (1.0 - floor) * 16.0).round() as i64 - row * 8;
                    let block = BLOCKS[eighths.clamp(0, 8) as usize].to_string();
                    if bad(*value) { paint.bad(&block) } else { paint.good(&block) }
                }
            })
            .collect();
        let name = if row == 1 { "availability  100 %" } else { "" };
        let name = if row == 0 { format!("{:>19}", words::share(floor)) } else { name.to_string() };
        lines.push(format!("{name:<NAMES$}{cells}").trim_end().to_string());
    }
    let highest = columns_of(&series.amplification, columns, f64::max);
    let peak = highest.iter().flatten().copied().fold(2.0, f64::max);
    let cells: String = highest
        .iter()
        .map(|cell| match cell {
            None => ' ',
            Some(value) => BLOCKS[((value / peak * 8.0).round() as i64).clamp(0, 8) as usize],
        })
        .collect();
    let name =
        format!("attempts    {:>7}", format!("{} max", words::tick((peak * 10.0).round() / 10.0)));
    lines.push(format!("{name:<NAMES$}{cells}").trim_end().to_string());
    lines.extend(ruler(shown, columns, paint));
    lines
}

/// The values of each column of the screen in one; `None` without data.
fn columns_of(
    values: &[Option<f64>],
    columns: usize,
    pick: fn(f64, f64) -> f64,
) -> Vec<Option<f64>> {
    (0..columns)
        .map(|column| {
            let from = column * values.len() / columns;
            let to = ((column + 1) * values.len() / columns).max(from + 1).min(values.len());
            values.get(from..to)?.iter().flatten().copied().reduce(pick)
        })
        .collect()
}

/// Marks of fault, actions and recovery, and clock times at both ends and in the middle.
fn ruler(shown: &Shown<'_>, columns: usize, paint: Paint) -> Vec<String> {
    let series = &shown.trial.series;
    let incident = &shown.trial.incident;
    let duration_s = (series.window_s * series.windows as f64).max(1.0);
    let mut marks = vec![' '; columns];
    let mut mark = |at_s: f64, sign: char| {
        if (0.0..=duration_s).contains(&at_s) {
            let column = (at_s / duration_s * columns as f64) as usize;
            marks[column.min(columns - 1)] = sign;
        }
    };
    let steps = shown.trial.timeline.iter().filter(|moment| moment.kind == "step");
    steps.for_each(|moment| mark(moment.at_s, 'a'));
    if let Some(at_s) = incident.fault_s {
        mark(at_s, 'F');
    }
    if let Some(at_s) = incident.recovered_s {
        mark(at_s, 'R');
    }
    let marks: String = marks.into_iter().collect();
    let first = shown.clock.minutes(0.0);
    let middle = shown.clock.minutes(duration_s / 2.0);
    let last = shown.clock.minutes(duration_s);
    let gap = (columns - 15) / 2;
    let times = format!("{first}{:gap$}{middle}{:rest$}{last}", "", "", rest = columns - 15 - gap);
    let named = marks.trim().is_empty();
    let names = if named { "" } else { "Fault act Recovered" };
    let mut lines = Vec::new();
    if !named {
        lines.push(format!("{}{}", paint.dim(&format!("{names:<NAMES$}")), marks.trim_end()));
    }
    lines.push(paint.dim(&format!("{:<NAMES$}{times}", shown.clock.zone())));
    lines
}

/// The targets as a table.
fn targets(results: &Results, width: usize) -> String {
    let several = results.trials.len() > 1;
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width as u16);
    let mut header = vec!["target", "asked", "reached", "met"];
    if several {
        header.push("trials that met it");
    }
    table.set_header(header);
    for target in &results.verdict.targets {
        let met = if target.met { "yes" } else { "NO" };
        let mut row = vec![
            plain(&target.target.replace('_', " ")),
            plain(&target.objective),
            plain(&target.achieved),
            met.to_string(),
        ];
        if several {
            row.push(format!("{} of {}", target.trials_met, target.trials));
        }
        table.add_row(row);
    }
    table.to_string()
}

/// Units that stay on the line of their number.
const UNITS: [&str; 10] = ["%", "k", "M", "G", "d", "h", "min", "s", "ms", "µs"];

/// The words of a text, each unit with its number: `412 M` is one word.
fn glued(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let unit = UNITS.contains(&word.trim_end_matches(['.', ',', ';']));
        match words.last_mut() {
            Some(last) if unit && last.ends_with(|c: char| c.is_ascii_digit()) => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_string()),
        }
    }
    words
}

/// A sentence in lines of at most `width` columns, later ones indented.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in glued(text) {
        if !line.trim().is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
            line.push(' ');
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{STORIES, results};

    #[test]
    fn summaries_read_as_before() {
        for story in STORIES {
            let text = summary(&results(story), 96, false);
            insta::assert_snapshot!(format!("terminal-{}", story.name), text);
        }
    }

    #[test]
    fn a_summary_fits_a_screen_and_colour_changes_no_word() {
        for story in STORIES {
            let results = results(story);
            for width in [60, 80, 110] {
                let text = summary(&results, width, false);
                let first = text.lines().next().expect("a line");
                let fits = text.lines().skip(1).all(|line| line.chars().count() <= width);
                assert!(fits, "{first}\n{text}");
                let most = if width >= 80 { 28 } else { 36 };
                assert!(text.lines().count() <= most, "{text}");
                assert!(text.ends_with(&format!("digest {}\n", results.digest)));
                let coloured = summary(&results, width, true);
                let mut stripped = String::new();
                let mut escaped = false;
                for c in coloured.chars() {
                    match (escaped, c) {
                        (_, '\u{1b}') => escaped = true,
                        (true, 'm') => escaped = false,
                        (true, _) => {}
                        (false, c) => stripped.push(c),
                    }
                }
                let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
                assert_eq!(words(&stripped), words(&text));
            }
        }
    }

    #[test]
    fn what_a_scenario_says_cannot_steer_the_terminal() {
        let mut results = results(STORIES[1]);
        results.scenario.title = "evil \u{1b}[2J title".to_string();
        assert!(!summary(&results, 80, false).contains('\u{1b}'));
    }
}
