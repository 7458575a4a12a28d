//! Methods by name, from the command line and from a file.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod program;

use program::{Folder, rcml};

#[test]
fn a_misspelt_method_gets_the_nearest_names() {
    let folder = Folder::with_shapes();
    let train = ["train", "--data", folder.path(), "--out", &folder.join("run"), "--device", "cpu"];
    for (written, meant) in [("siglib", "siglip"), ("SymmIle", "symile"), ("mv-infonce", "mv-info-nce"), ("tlc", "tcl")]
    {
        let term = format!("objective.terms=[{{method=\"{written}\"}}]");
        let told = rcml(train.iter().chain(&["--set", &term])).refused(written);
        let expected = format!("`{meant}`");
        assert!(told.contains("objective.terms[0].method") && told.contains(&expected), "{written}: {told}");
        assert_eq!(told.lines().count(), 1, "{told}");

        folder.write(
            "run.toml",
            format!("[[objective.terms]]\nmethod = \"pairwise\"\n\n[[objective.terms]]\nmethod = \"{written}\"\n"),
        );
        let told = rcml(train.iter().chain(&[folder.join("run.toml").as_str()])).refused(written);
        assert!(told.contains("objective.terms[1].method") && told.contains(&expected), "{written}: {told}");
    }
    let unlike = rcml(train.iter().chain(&["--set", "objective.terms=[{method=\"zzzzzzzz\"}]"])).refused("unlike any");
    assert!(unlike.contains("rcml") && unlike.contains("mv-dhel"), "all names are listed: {unlike}");
    assert!(!std::path::Path::new(&folder.join("run")).exists(), "a refused configuration leaves no folder");
}
