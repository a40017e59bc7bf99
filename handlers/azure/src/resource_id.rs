//! Ids of Azure's resources. Settings build theirs of it, and everybody else asks the settings.
//!
//! Source: [resource ids](https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules).

/// A resource group.
pub(crate) fn group(subscription: &str, name: &str) -> String {
    format!("/subscriptions/{subscription}/resourceGroups/{name}")
}

/// A resource in a group; its kind is `Microsoft.ContainerRegistry/registries`.
pub(crate) fn resource(subscription: &str, in_group: &str, kind: &str, name: &str) -> String {
    format!("{}/providers/{kind}/{name}", group(subscription, in_group))
}

/// The segments of its address.
pub(crate) fn segments(id: &str) -> Vec<&str> {
    id.split('/').filter(|segment| !segment.is_empty()).collect()
}
