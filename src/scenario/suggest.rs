//! "Did you mean": the nearest of the possible words.

/// Words listed in full when nothing is near.
const LISTED_COUNT_MAX: usize = 12;

/// The candidate nearest to `word`, if it is near enough to have been meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = 1 + word.chars().count() / 4;
    candidates
        .into_iter()
        .map(|candidate| (distance(&word.to_lowercase(), candidate), candidate))
        .filter(|&(distance, candidate)| {
            distance <= limit || (word.len() >= 4 && candidate.starts_with(word))
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean `x`?", or the list of what is possible.
pub fn help<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    if let Some(candidate) = nearest(word, candidates.iter().copied()) {
        return Some(format!("did you mean `{candidate}`?"));
    }
    if candidates.is_empty() {
        return None;
    }
    let listed: Vec<String> =
        candidates.iter().take(LISTED_COUNT_MAX).map(|c| format!("`{c}`")).collect();
    let more = if candidates.len() > LISTED_COUNT_MAX { ", ..." } else { "" };
    Some(format!("possible here: {}{more}", listed.join(", ")))
}

/// Edits (insertion, deletion, replacement, swap of neighbours) from one word to another
/// (optimal string alignment; Damerau 1964).
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().take(64).collect();
    let to: Vec<char> = to.chars().take(64).collect();
    let mut rows = vec![vec![0; to.len() + 1]; from.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=from.len() {
        for j in 1..=to.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_listed() {
        let words = ["chicago", "san-antonio", "timeout"];
        assert_eq!(nearest("chciago", words), Some("chicago"));
        assert_eq!(nearest("timout", words), Some("timeout"));
        assert_eq!(nearest("zzz", words), None);
        let help = help("zzz", words).unwrap();
        assert!(help.contains("possible here: `chicago`"), "{help}");
    }

    #[test]
    fn a_swap_is_one_edit() {
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
