//! A folder of files that appears whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::ReportError;

/// What every `results.json` of this program begins with, close to its first byte.
const MARK: &str = "blackstart-results/";

/// A folder being written beside its place, and taken away again unless it is put there.
pub(super) struct Staged {
    /// Where files are written.
    pub(super) path: PathBuf,
    out: PathBuf,
    placed: bool,
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> ReportError + '_ {
    move |source| ReportError::Io { path: path.to_path_buf(), source }
}

impl Staged {
    /// Opens a new folder beside `out`, on the same file system so that it can be renamed.
    ///
    /// # Errors
    /// [`ReportError::NotAReport`] where something else is at `out`; [`ReportError::Io`].
    pub(super) fn beside(out: &Path) -> Result<Staged, ReportError> {
        let out = match fs::symlink_metadata(out) {
            Ok(_) => fs::canonicalize(out).map_err(io_error(out))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => out.to_path_buf(),
            Err(error) => return Err(io_error(out)(error)),
        };
        if out.exists() && !is_replaceable(&out)? {
            return Err(ReportError::NotAReport { path: out });
        }
        let parent = match out.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let name = out.file_name().ok_or_else(|| ReportError::NotAReport { path: out.clone() })?;
        fs::create_dir_all(&parent).map_err(io_error(&parent))?;
        let mut staged = name.to_os_string();
        staged.push(format!(".writing-{}", std::process::id()));
        let path = parent.join(staged);
        fs::create_dir(&path).map_err(io_error(&path))?;
        Ok(Staged { path, out, placed: false })
    }

    /// Puts the folder in its place; a former report goes, files that are no part of one stay.
    ///
    /// # Errors
    /// [`ReportError::Io`]; the former report is then still, or again, where it was.
    pub(super) fn place(mut self) -> Result<PathBuf, ReportError> {
        if !self.out.exists() {
            fs::rename(&self.path, &self.out).map_err(io_error(&self.out))?;
            self.placed = true;
            return Ok(self.out.clone());
        }
        for entry in fs::read_dir(&self.out).map_err(io_error(&self.out))? {
            let entry = entry.map_err(io_error(&self.out))?;
            let kept = self.path.join(entry.file_name());
            if !is_ours(&entry.file_name().to_string_lossy()) && !kept.exists() {
                // A link to the same file: the former folder stays whole until the very end.
                fs::hard_link(entry.path(), &kept)
                    .or_else(|_| fs::copy(entry.path(), &kept).map(|_| ()))
                    .map_err(io_error(&entry.path()))?;
            }
        }
        let mut former = self.path.clone().into_os_string();
        former.push("-former");
        let former = PathBuf::from(former);
        fs::rename(&self.out, &former).map_err(io_error(&self.out))?;
        if let Err(error) = fs::rename(&self.path, &self.out) {
            let _ = fs::rename(&former, &self.out);
            return Err(io_error(&self.out)(error));
        }
        self.placed = true;
        fs::remove_dir_all(&former).map_err(io_error(&former))?;
        Ok(self.out.clone())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.placed {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Whether a file is one that a report consists of.
fn is_ours(name: &str) -> bool {
    let ours = ["index.html", "results.json", "results.schema.json", "timeline.csv", "windows.csv"];
    let log = name.starts_with("latency-") && name.ends_with(".hlog");
    ours.contains(&name) || log || name.ends_with(".svg") || name.ends_with(".png")
}

/// Whether a folder may be replaced: it is empty, or a former report without folders in it.
fn is_replaceable(out: &Path) -> Result<bool, ReportError> {
    if !out.is_dir() {
        return Ok(false);
    }
    let mut empty = true;
    for entry in fs::read_dir(out).map_err(io_error(out))? {
        let entry = entry.map_err(io_error(out))?;
        empty = false;
        if entry.file_type().map_err(io_error(out))?.is_dir() {
            return Ok(false);
        }
    }
    if empty {
        return Ok(true);
    }
    let results = out.join("results.json");
    if !results.is_file() {
        return Ok(false);
    }
    let mut start = [0_u8; 256];
    let mut file = fs::File::open(&results).map_err(io_error(&results))?;
    let length = io::Read::read(&mut file, &mut start).map_err(io_error(&results))?;
    Ok(String::from_utf8_lossy(&start[..length]).contains(MARK))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("read").map(|e| e.expect("entry").file_name());
        let mut names: Vec<String> =
            entries.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_failed_report_leaves_the_former_one_and_nothing_else() {
        let home = tempfile::tempdir().expect("folder");
        let out = home.path().join("report");
        fs::create_dir(&out).expect("out");
        fs::write(out.join("results.json"), "{\"format\": \"blackstart-results/1\"}")
            .expect("file");
        let staged = Staged::beside(&out).expect("staged");
        fs::write(staged.path.join("index.html"), "half").expect("file");
        drop(staged);
        assert_eq!(names(home.path()), ["report"]);
        assert_eq!(names(&out), ["results.json"]);
    }

    #[test]
    fn a_former_report_is_replaced_and_a_note_in_it_is_kept() {
        let home = tempfile::tempdir().expect("folder");
        let out = home.path().join("report");
        fs::create_dir(&out).expect("out");
        fs::write(out.join("results.json"), "{\"format\": \"blackstart-results/1\"}")
            .expect("file");
        fs::write(out.join("latency-old-op-before.hlog"), "old").expect("file");
        fs::write(out.join("notes.md"), "mine").expect("file");
        let staged = Staged::beside(&out).expect("staged");
        fs::write(staged.path.join("results.json"), "new").expect("file");
        staged.place().expect("placed");
        assert_eq!(names(home.path()), ["report"]);
        assert_eq!(names(&out), ["notes.md", "results.json"]);
        assert_eq!(fs::read_to_string(out.join("results.json")).expect("read"), "new");
    }

    #[test]
    fn what_is_no_report_is_never_replaced() {
        let home = tempfile::tempdir().expect("folder");
        let out = home.path().join("precious");
        fs::create_dir(&out).expect("out");
        fs::write(out.join("thesis.tex"), "years").expect("file");
        assert!(matches!(Staged::beside(&out), Err(ReportError::NotAReport { .. })));
        fs::write(out.join("results.json"), "{\"of\": \"something else\"}").expect("file");
        assert!(matches!(Staged::beside(&out), Err(ReportError::NotAReport { .. })));
        let file = out.join("thesis.tex");
        assert!(matches!(Staged::beside(&file), Err(ReportError::NotAReport { .. })));
        assert_eq!(names(home.path()), ["precious"]);
    }
}
