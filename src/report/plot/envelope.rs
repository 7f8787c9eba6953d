//! A column of many windows on few pixels.
//!
//! A run of 14 hours has 5,040 windows, a plot some 1,400 columns of half a pixel. Taking every
//! fourth window would lose a dip of 20 seconds, and a mean would make it shallow: both hide just
//! what the reader looks for. So each column keeps its lowest and its highest window, in the order
//! in which they came, and a dip of one window is drawn at its full depth.

use super::axis::{Panel, Scale};

/// Columns a logical pixel: the resolution of the files.
const COLUMNS_PER_PX: f64 = 2.0;

/// A column being gathered.
struct Column {
    number: i64,
    /// Lowest point: middle of its window [s], value.
    lowest: (f64, f64),
    /// Highest point, the same way.
    highest: (f64, f64),
}

/// Unbroken runs of (middle of the window [s], value), at most two points a column.
pub(crate) fn runs(values: &[Option<f64>], window_s: f64, panel: &Panel) -> Vec<Vec<(f64, f64)>> {
    let Scale::Linear { from, to } = panel.x else { return Vec::new() };
    let columns = (panel.width * COLUMNS_PER_PX).max(1.0);
    let mut runs: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    let mut open: Option<Column> = None;
    let mut last_column = i64::MIN;
    let mut gap = false;
    for (index, value) in values.iter().enumerate() {
        let at_s = (index as f64 + 0.5) * window_s;
        let Some(value) = value.filter(|value| value.is_finite()) else {
            gap = true;
            continue;
        };
        let column = ((at_s - from) / (to - from) * columns).floor() as i64;
        let point = (at_s, value);
        match &mut open {
            Some(open) if open.number == column => {
                if value < open.lowest.1 {
                    open.lowest = point;
                }
                if value > open.highest.1 {
                    open.highest = point;
                }
                gap = false;
            }
            _ => {
                close(&mut runs, open.take());
                // A gap narrower than a column cannot be seen and does not break the line.
                if gap && column > last_column {
                    runs.push(Vec::new());
                }
                gap = false;
                open = Some(Column { number: column, lowest: point, highest: point });
            }
        }
        last_column = column;
    }
    close(&mut runs, open.take());
    runs.retain(|run| !run.is_empty());
    runs
}

/// Puts a gathered column at the end of the last run, its two points in order of time.
fn close(runs: &mut [Vec<(f64, f64)>], column: Option<Column>) {
    let (Some(Column { lowest, highest, .. }), Some(run)) = (column, runs.last_mut()) else {
        return;
    };
    let (first, second) = if lowest.0 <= highest.0 { (lowest, highest) } else { (highest, lowest) };
    run.push(first);
    if second != first {
        run.push(second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(to: f64) -> Panel {
        Panel {
            left: 0.0,
            top: 0.0,
            width: 100.0,
            height: 50.0,
            x: Scale::Linear { from: 0.0, to },
            y: Scale::Linear { from: 0.0, to: 1.0 },
        }
    }

    #[test]
    fn a_dip_of_one_window_in_thousands_is_kept() {
        let mut values = vec![Some(1.0); 5040];
        values[2500] = Some(0.1);
        let runs = runs(&values, 10.0, &panel(50_400.0));
        assert_eq!(runs.len(), 1);
        assert!(runs[0].len() <= 400);
        assert_eq!(runs[0].iter().filter(|point| point.1 == 0.1).count(), 1);
        assert!(runs[0].windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn windows_without_data_leave_a_gap() {
        let mut values = vec![Some(1.0); 100];
        values[40..50].fill(None);
        let runs = runs(&values, 10.0, &panel(1000.0));
        assert_eq!(runs.len(), 2);
        assert_eq!(runs[0].last(), Some(&(395.0, 1.0)));
        assert_eq!(runs[1].first(), Some(&(505.0, 1.0)));
    }
}
