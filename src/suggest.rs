//! "Did you mean": the nearest of the known names.

/// The known name nearest to what was written, when it is near enough.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    let limit = written.chars().count() / 3 + 1;
    (known.into_iter())
        .map(|name| (distance(&written, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= limit && *distance < name.chars().count())
        .min()
        .map(|(_, name)| name)
}

/// Edits between two words; words of a human length only.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().max(b.len()) > 100 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        let known = ["script", "builder", "outputs"];
        assert_eq!(nearest("scrpit", known), Some("script"));
        assert_eq!(nearest("output", known), Some("outputs"));
        assert_eq!(nearest("colour", known), None);
    }

    #[test]
    fn a_slip_of_the_finger_finds_its_word_and_nonsense_finds_none() {
        let known = ["poll_interval", "url", "name", "timeout"];
        for (typed, meant) in [
            ("poll_intervall", Some("poll_interval")),
            ("pol-interval", Some("poll_interval")),
            ("ulr", Some("url")),
            ("urls", Some("url")),
            ("timout", Some("timeout")),
            ("password", None),
        ] {
            assert_eq!(nearest(typed, known), meant, "{typed}");
        }
    }
}
