//! The mark in a comment by which it is found again: it is not shown, and says whose the comment is and which run's.
//!
//! What comes from code is escaped before it is in a comment, so that nobody's test can write such a mark.

use pipeline::names::{Project, RunId};
use reqwest::Url;
use runner::ports::Comment;

/// The mark of a project's comment.
pub(crate) struct Mark(String);

impl Mark {
    pub fn of(project: &Project) -> Self {
        Self(format!("<!-- trainyard:{project}:"))
    }

    /// The text of a comment, with where to read on and the mark.
    pub fn text(&self, comment: &Comment, link: Option<Url>) -> String {
        let link = link.map(|link| format!("\n[All about this run]({link})\n")).unwrap_or_default();
        format!("{}{link}\n{}{} -->", comment.markdown, self.0, comment.run)
    }

    /// The run whose comment this is, if it is the project's.
    pub fn find(&self, text: &str) -> Option<RunId> {
        let (_, rest) = text.rsplit_once(&self.0)?;
        let (run, _) = rest.split_once(" -->")?;
        run.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_found_again_by_its_mark() {
        let comment = Comment { run: "r8-1".parse().unwrap(), markdown: "### Run 1\n".into() };
        let mark = Mark::of(&"diabetes".parse().unwrap());

        let text = mark.text(&comment, Some(Url::parse("https://trains.example/runs/r8-1").unwrap()));

        let shown = "### Run 1\n\n[All about this run](https://trains.example/runs/r8-1)\n\n";
        assert_eq!(text, format!("{shown}<!-- trainyard:diabetes:r8-1 -->"));
        assert_eq!(mark.find(&text), Some(comment.run));
        assert_eq!(Mark::of(&"diabetes2".parse().unwrap()).find(&text), None);
        assert_eq!(mark.find("<!-- trainyard:diabetes:"), None);
    }
}
