//! As whom GitHub is asked, and which of its webhooks are looked after.

use std::sync::Arc;

use azure::{Credential, GithubApp, GithubDeliveries, GithubHook, GithubHookSettings, PersonalAccessToken};
use cli::Failure;

use super::refused;
use super::services::Services;
use crate::settings::wrong;

const HOOKS: &str = "TRAINYARD_GITHUB_HOOKS";

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

    /// The webhooks whose deliveries are looked after.
    ///
    /// # Errors
    ///
    /// A setting is wrong, or a webhook is not for who we are.
    pub fn hooks(&self) -> Result<Vec<GithubDeliveries>, Failure> {
        let all: Vec<GithubHookSettings> = self.settings().json(HOOKS)?.unwrap_or_default();
        let made = all.into_iter().map(|hook| {
            let credential: Arc<dyn Credential> = match &hook.hook {
                GithubHook::App {} => {
                    let app = self.github_app(&hook.base)?;
                    app.ok_or_else(|| wrong(HOOKS, "has the App's webhook, and GITHUB_APP is not set"))?.itself()
                }
                // Tokens of an installation are asked for with fewer rights than webhooks need.
                GithubHook::Repository { .. } => self.github_token()?.ok_or_else(|| {
                    wrong(HOOKS, "has a repository's webhook, and GITHUB_TOKEN is not set")
                        .advice("an App has a webhook of its own: {\"hook\": {\"app\": {}}}")
                })?,
            };
            GithubDeliveries::new(hook, credential, self.clock()).map_err(refused)
        });
        made.collect()
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
