//! Every scenario that comes with the program is valid, and says nothing odd.

use blackstart::scenario::{Options, load};
use std::path::Path;

#[test]
fn bundled_scenarios_are_valid_in_all_their_variants() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        seen += 1;
        let loaded =
            load(&path, &Options::default()).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        let name = path.file_stem().unwrap().to_string_lossy();
        assert_eq!(loaded.scenario.name, name, "a file is named after its scenario");
    }
    assert!(seen >= 2, "{seen} scenarios");
}
