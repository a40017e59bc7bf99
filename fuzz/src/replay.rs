//! The kept inputs, once more.

use std::path::Path;

/// A target's name, which is also its folder's in `corpus/`, and what it asserts.
pub type Target = (&'static str, fn(&[u8]));

/// Gives every file of its corpus to every target, in the order of their names.
///
/// # Panics
///
/// When a promise is broken, after the file's name was printed; and when a target has no corpus.
#[allow(clippy::disallowed_methods, reason = "a kept input is a file")]
pub fn all(targets: &[Target]) {
    for (name, target) in targets {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .map(|above| above.join("fuzz/corpus").join(name))
            .find(|folder| folder.is_dir())
            .unwrap_or_else(|| panic!("`{name}` has no corpus"));
        let entries = std::fs::read_dir(&folder).expect("the folder is there");
        let mut files: Vec<_> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
        files.sort();
        assert!(!files.is_empty(), "the corpus of `{name}` is empty");
        for file in files {
            let input = std::fs::read(&file).expect("the file can be read");
            // Seen only when the test fails.
            println!("{name} {}", file.display());
            target(&input);
        }
    }
}

/// Takes one line from the front of an input: a header's value, which is empty when it is not UTF-8.
pub fn line<'a>(input: &mut &'a [u8]) -> &'a str {
    let end = input.iter().position(|byte| *byte == b'\n');
    let (line, rest) = match end {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (*input, &[][..]),
    };
    *input = rest;
    std::str::from_utf8(line).unwrap_or_default()
}
