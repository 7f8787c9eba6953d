//! Reading the texts of a scenario: the file itself, and what it includes.
//!
//! A file can include files below its own folder (whatever links lead where) and the bundled
//! library, nothing else, so that a scenario from elsewhere cannot read what it should not.
//! Included files are merged in order, then the including file is merged over them.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use crate::scenario::grammar::SCENARIO;
use crate::scenario::graphml;
use crate::scenario::overlay;
use crate::scenario::problem::{Code, Place, Reporter};
use crate::scenario::suggest;
use crate::scenario::tree::Node;
use crate::scenario::yaml;

/// Largest file that is read [bytes].
pub const FILE_SIZE_MAX: u64 = 4 * 1024 * 1024;

/// Files that one scenario is read from, at most.
const FILE_COUNT_MAX: usize = 64;

/// The library that comes with the program.
pub const LIBRARY: &[(&str, &str)] = &[
    ("library/us-backbone.yaml", include_str!("../../scenarios/library/us-backbone.yaml")),
    ("library/us-mailboxes.yaml", include_str!("../../scenarios/library/us-mailboxes.yaml")),
];

/// Reads a file and all that it includes into one tree.
pub fn read_file(path: &Path, reporter: &Reporter) -> Option<Node> {
    let shown = path.display().to_string();
    let text = match read(path) {
        Ok(text) => text,
        Err((code, message, offset)) => {
            let source = reporter.add_source(&shown, "");
            let place = Place { source, start: offset, end: offset };
            reporter.error(code, place, format!("`{shown}` {message}"));
            return None;
        }
    };
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let identity = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let mut reader = Reader { reporter, stack: Vec::new(), file_count: 0 };
    reader.tree(&shown, &text, identity, Some(folder))
}

/// Reads a text, which can include nothing but the library.
pub fn read_text(name: &str, text: &str, reporter: &Reporter) -> Option<Node> {
    let mut reader = Reader { reporter, stack: Vec::new(), file_count: 0 };
    reader.tree(name, text, PathBuf::from(name), None)
}

/// The text of a file, or why it is none: code, message, and the byte where it goes wrong.
fn read(path: &Path) -> Result<String, (Code, String, u32)> {
    let unreadable =
        |error: std::io::Error| (Code::Unreadable, format!("cannot be read: {error}"), 0);
    let about = fs::metadata(path).map_err(unreadable)?;
    if about.is_dir() {
        return Err((Code::Directory, "is a directory, not a scenario file".to_owned(), 0));
    }
    if !about.is_file() {
        return Err((Code::Unreadable, "is not a regular file".to_owned(), 0));
    }
    let too_large =
        (Code::TooLarge, format!("is larger than {} MiB", FILE_SIZE_MAX / (1024 * 1024)), 0);
    if about.len() > FILE_SIZE_MAX {
        return Err(too_large);
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    // The file may have grown since; one byte more than the limit tells.
    file.take(FILE_SIZE_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_SIZE_MAX {
        return Err(too_large);
    }
    if bytes.is_empty() {
        return Err((Code::Empty, "is empty".to_owned(), 0));
    }
    if let Some(at) = bytes.iter().position(|&byte| byte == 0) {
        return Err((Code::Binary, format!("is not a text: byte {at} is zero"), at as u32));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1;
        (Code::NotUtf8, format!("is not UTF-8: line {line}, byte {at} of the file"), at as u32)
    })
}

struct Reader<'a> {
    reporter: &'a Reporter,
    stack: Vec<PathBuf>,
    file_count: usize,
}

impl Reader<'_> {
    /// `folder` is where files can be included from; `None`: only from the library.
    fn tree(
        &mut self,
        name: &str,
        text: &str,
        identity: PathBuf,
        folder: Option<PathBuf>,
    ) -> Option<Node> {
        let source = self.reporter.add_source(name, text);
        let own = yaml::parse(text, source, self.reporter)?;
        self.stack.push(identity);
        let mut merged = Node::empty_map(own.place);
        for item in own.get("include").map(Node::items).unwrap_or(&[]) {
            if let Some(below) =
                item.text().and_then(|wanted| self.include(wanted, item.place, folder.as_deref()))
            {
                overlay::merge(&mut merged, &below, &SCENARIO);
            }
        }
        self.stack.pop();
        if let Some(import) = own.at(&["network", "import"]) {
            self.import(import, &mut merged, folder.as_deref());
        }
        if own.entries().is_empty() {
            return Some(own);
        }
        overlay::merge(&mut merged, &own, &SCENARIO);
        merged.place = own.place;
        Some(merged)
    }

    fn include(&mut self, wanted: &str, place: Place, folder: Option<&Path>) -> Option<Node> {
        self.file_count += 1;
        if self.file_count > FILE_COUNT_MAX {
            let message = format!("more than {FILE_COUNT_MAX} files are included");
            self.reporter.error(Code::IncludeCycle, place, message);
            return None;
        }
        if let Some((name, text)) = LIBRARY.iter().find(|(name, _)| *name == wanted) {
            let identity = PathBuf::from(name);
            return self.once(&identity, place).then(|| self.tree(name, text, identity, None))?;
        }
        let path = self.allowed(wanted, place, folder)?;
        if !self.once(&path, place) {
            return None;
        }
        match read(&path) {
            Ok(text) => {
                let below = path.parent().map(Path::to_path_buf);
                let shown = folder.map_or(path.clone(), |folder| folder.join(wanted));
                self.tree(&shown.display().to_string(), &text, path, below)
            }
            Err((code, message, _)) => {
                self.reporter.error(code, place, format!("`{wanted}` {message}"));
                None
            }
        }
    }

    /// Lays a topology in GraphML under the file that imports it.
    fn import(&mut self, import: &Node, merged: &mut Node, folder: Option<&Path>) {
        let Some((file, wanted)) = import.get("file").and_then(|file| Some((file, file.text()?)))
        else {
            return;
        };
        let Some(path) = self.allowed(wanted, file.place, folder) else { return };
        let text = read(&path).map_err(|(code, message, _)| (code, message));
        let graph = text.and_then(|text| {
            let told = |error| (Code::Syntax, format!("cannot be imported: {error}"));
            graphml::read(&text).map_err(told)
        });
        match graph {
            Ok(graph) => graphml::lay_under(merged, &graph, import),
            Err((code, message)) => {
                self.reporter.error(code, file.place, format!("`{wanted}` {message}"));
            }
        }
    }

    /// Whether this file is not being read already.
    fn once(&self, identity: &Path, place: Place) -> bool {
        let open = self.stack.iter().any(|one| one == identity);
        if open {
            let message = "this file is being read already: files include each other in a circle";
            self.reporter.error(Code::IncludeCycle, place, message);
        }
        !open
    }

    /// The real path of a file below `folder`.
    fn allowed(&self, wanted: &str, place: Place, folder: Option<&Path>) -> Option<PathBuf> {
        let names = LIBRARY.iter().map(|(name, _)| *name);
        let help = || suggest::help(wanted, names.clone());
        let escape = |message: String| {
            self.reporter.error_with_help(Code::IncludeEscape, place, message, help());
            None
        };
        let Some(folder) = folder else {
            return escape(format!(
                "`{wanted}` is not in the library, and nothing else can be here"
            ));
        };
        let plain = Path::new(wanted).components().all(|part| matches!(part, Component::Normal(_)));
        if !plain || wanted.contains('\\') {
            return escape(format!("`{wanted}` is not below the folder of this file"));
        }
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let Ok(real) = fs::canonicalize(folder.join(wanted)) else {
            let message = format!("there is no file `{wanted}` below the folder of this file");
            self.reporter.error_with_help(Code::Unreadable, place, message, help());
            return None;
        };
        let inside = fs::canonicalize(folder).is_ok_and(|folder| real.starts_with(folder));
        if !inside {
            return escape(format!("`{wanted}` leads out of the folder of this file"));
        }
        Some(real)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_yaml_and_listed_by_its_path() {
        for (name, text) in LIBRARY {
            let reporter = Reporter::default();
            let tree = read_text(name, text, &reporter);
            assert!(tree.is_some() && !reporter.has_errors(), "{name}");
            assert!(name.starts_with("library/"));
        }
    }

    #[test]
    fn a_text_includes_the_library_and_nothing_else() {
        let reporter = Reporter::default();
        let tree = read_text("t", "include: [library/us-backbone.yaml]", &reporter).unwrap();
        assert!(tree.at(&["network", "routers", "chicago"]).is_some());
        assert!(!reporter.has_errors());
        read_text("t", "include: [library/us-backbon.yaml]", &reporter);
        let problems = reporter.finish();
        assert_eq!(problems.list[0].code, Code::IncludeEscape);
        assert!(problems.list[0].help.as_ref().unwrap().contains("us-backbone"));
    }
}
