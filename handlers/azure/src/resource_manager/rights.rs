//! What an identity may do, as Azure Resource Manager lists it.
//!
//! Source: [permissions](https://learn.microsoft.com/rest/api/authorization/permissions/list-for-resource), version
//! 2022-04-01, and [how they are read](https://learn.microsoft.com/azure/role-based-access-control/role-definitions).

use serde::Deserialize;

/// A page of permissions.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    #[serde(default)]
    pub value: Vec<Permission>,
    pub next_link: Option<String>,
}

/// What one assignment of a role gives.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Permission {
    actions: Vec<String>,
    not_actions: Vec<String>,
    data_actions: Vec<String>,
    not_data_actions: Vec<String>,
}

impl Permission {
    /// Whether it allows an action. What one assignment leaves out another one may give.
    pub fn allows(&self, action: &str, is_data: bool) -> bool {
        let (given, taken) =
            if is_data { (&self.data_actions, &self.not_data_actions) } else { (&self.actions, &self.not_actions) };
        let covers = |patterns: &[String]| patterns.iter().any(|pattern| covers(pattern, action));
        covers(given) && !covers(taken)
    }
}

/// Whether a pattern means this action; `*` stands for anything, also across `/`, and `/*/` for a single `/`, too: so
/// `workspaces/computes/*/write` keeps a data scientist from `workspaces/computes/write`, and
/// `userAssignedIdentities/*/assign/action` lets who operates identities assign one.
fn covers(pattern: &str, action: &str) -> bool {
    covers_as_it_is(pattern, action)
        || (pattern.contains("/*/") && covers_as_it_is(&pattern.replace("/*/", "/"), action))
}

fn covers_as_it_is(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = action.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_what_its_stars_leave_open() {
        for (pattern, action, wanted) in [
            ("*", "Microsoft.Storage/storageAccounts/read", true),
            ("*/read", "Microsoft.Storage/storageAccounts/read", true),
            ("*/read", "Microsoft.Storage/storageAccounts/write", false),
            (
                "Microsoft.MachineLearningServices/workspaces/*/write",
                "microsoft.machinelearningservices/workspaces/jobs/write",
                true,
            ),
            (
                "Microsoft.MachineLearningServices/workspaces/*/write",
                "Microsoft.MachineLearningServices/workspaces/write",
                true,
            ),
            (
                "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action",
                "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
                true,
            ),
            ("Microsoft.Resources/deployments/write", "Microsoft.Resources/deployments/write", true),
            ("Microsoft.Resources/deployments/write", "Microsoft.Resources/deployments/writeMore", false),
            ("a/*/b/*/c", "a/1/b/2/c", true),
            ("a/*/b/*/c", "a/b/c", true),
            ("a/*/b/*/c", "a/1/c", false),
        ] {
            assert_eq!(covers(pattern, action), wanted, "{pattern} {action}");
        }
    }

    #[test]
    fn a_data_scientist_makes_no_computes() {
        let data_scientist = Permission {
            actions: vec!["Microsoft.MachineLearningServices/workspaces/*/write".into()],
            not_actions: vec![
                "Microsoft.MachineLearningServices/workspaces/write".into(),
                "Microsoft.MachineLearningServices/workspaces/computes/*/write".into(),
            ],
            ..Permission::default()
        };
        let may = |action: &str| data_scientist.allows(&format!("Microsoft.MachineLearningServices/{action}"), false);
        assert!(may("workspaces/jobs/write"));
        assert!(!may("workspaces/computes/write") && !may("workspaces/write"));
    }

    #[test]
    fn what_is_taken_is_not_given_and_data_are_apart() {
        let permission = Permission {
            actions: vec!["*".into()],
            not_actions: vec!["Microsoft.Authorization/*/write".into()],
            ..Permission::default()
        };
        assert!(permission.allows("Microsoft.Resources/deployments/write", false));
        assert!(!permission.allows("Microsoft.Authorization/roleAssignments/write", false));
        assert!(!permission.allows("Microsoft.KeyVault/vaults/secrets/getSecret/action", true));
    }
}
