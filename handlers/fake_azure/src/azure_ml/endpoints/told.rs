//! Answers in the service's form.

use serde_json::{Value, json};

use crate::{Asked, Told};

/// The service asks for at least so many seconds.
const RETRY_AFTER: &str = "10";

pub fn gone() -> Told {
    Told::error(404, "NotFound", "The specified resource was not found.")
}

pub fn busy(endpoint: &str) -> Told {
    let message = format!(
        "Cannot create a deployment in endpoint {endpoint} because it is in Updating provisioning state; \
         try again when it is in Succeeded provisioning state."
    );
    Told::error(409, "Conflict", &message)
}

/// A resource as it was written, with what the service adds.
pub fn found(asked: &Asked<'_>, name: &str, body: &Value, state: &str) -> Value {
    let mut told = body.clone();
    told["id"] = format!("/{}", asked.path.join("/")).into();
    told["name"] = name.into();
    told["type"] = "Microsoft.MachineLearningServices/workspaces/resources".into();
    told["systemData"] =
        json!({"createdAt": "2026-01-01T00:00:00Z", "createdBy": "trainyard", "createdByType": "Application"});
    told["properties"]["provisioningState"] = state.into();
    told
}

fn operations(asked: &Asked<'_>, kind: &str, id: &str) -> String {
    let base = asked.address("management.azure.com");
    let subscription = &asked.path[1];
    format!(
        "{base}/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/westeurope/{kind}/{id}\
         ?api-version=2024-10-01"
    )
}

pub fn status_address(asked: &Asked<'_>, id: &str) -> String {
    operations(asked, "mfeOperationsStatus", id)
}

/// The same with the address of its operation.
pub fn followed(told: Told, asked: &Asked<'_>, id: &str) -> Told {
    told.with("azure-asyncoperation", status_address(asked, id)).with("x-ms-async-operation-timeout", "PT1H")
}

pub fn accepted(asked: &Asked<'_>, id: &str) -> Told {
    Told::empty(202)
        .with("location", operations(asked, "mfeOperationResults", id))
        .with("retry-after", RETRY_AFTER)
        .with("x-ms-async-operation-timeout", "PT1H")
}
