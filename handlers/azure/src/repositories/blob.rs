//! What git calls a file's content by: the digest of its length and its bytes. So no host and nobody on the way can give
//! us something else than the commit holds.

use sha1dc::Hasher;

/// The id of a content in a repository; None: somebody made it to look like another one.
pub(crate) fn blob_id(content: &[u8]) -> Option<String> {
    let mut hasher = Hasher::new();
    hasher.update(format!("blob {}\0", content.len()).as_bytes());
    hasher.update(content);
    hasher.finalize().ok().map(|digest| digest.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `git hash-object` says.
    #[test]
    fn a_content_has_the_id_that_git_gives_it() {
        assert_eq!(blob_id(b"").unwrap(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(blob_id(b"hello\n").unwrap(), "ce013625030ba8dba906f756967f9e9ca394464a");
    }
}
