//! As whom GitHub is asked.

use std::sync::Arc;

use azure::{Credential, GithubApp, PersonalAccessToken};
use cli::Failure;

use super::refused;
use super::services::Services;
use crate::settings::wrong;

impl Services<'_> {
    /// The App where one is set, else a person's token.
    pub(super) fn of_github(&self, base: &str) -> Result<Arc<dyn Credential>, Failure> {
        if let Some(app) = self.github_app(base)? {
            return Ok(app);
        }
        self.github_token()?.ok_or_else(|| {
            wrong("TRAINYARD_GITHUB", "is set, and nothing opens it")
                .advice("set GITHUB_APP, GITHUB_APP_INSTALLATION and GITHUB_APP_PRIVATE_KEY, or GITHUB_TOKEN")
        })
    }

    fn github_app(&self, base: &str) -> Result<Option<Arc<GithubApp>>, Failure> {
        let get = |name: &str| self.settings().get(name);
        let Some(app) = get("GITHUB_APP") else { return Ok(None) };
        if get("GITHUB_TOKEN").is_some() {
            return Err(wrong("GITHUB_TOKEN", "is set, and so is GITHUB_APP; each is another identity, keep one"));
        }
        let needed = |name: &str| get(name).ok_or_else(|| wrong(name, "is not set, and GITHUB_APP needs it"));
        let number = needed("GITHUB_APP_INSTALLATION")?;
        let number = number.parse().map_err(|_| wrong("GITHUB_APP_INSTALLATION", "must be a number"))?;
        // An app setting has one line: its line ends are written as \n.
        let key = needed("GITHUB_APP_PRIVATE_KEY")?.replace("\\n", "\n");
        let app = GithubApp::new(base, app, number, key.as_bytes(), self.clock());
        Ok(Some(Arc::new(app.map_err(refused)?)))
    }

    fn github_token(&self) -> Result<Option<Arc<dyn Credential>>, Failure> {
        let Some(token) = self.settings().get("GITHUB_TOKEN") else { return Ok(None) };
        let owner = self.settings().get("GITHUB_TOKEN_OWNER").unwrap_or("GITHUB_TOKEN");
        Ok(Some(Arc::new(PersonalAccessToken::of_github(owner, token).map_err(refused)?)))
    }
}
