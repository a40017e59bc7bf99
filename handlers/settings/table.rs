//! Every setting there is: its name, its default, what it means. `local.settings.example.json` is written from this, and
//! a name that is not here is an error.

/// A setting of the app: a variable of the environment, in Azure an app setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it is where nobody sets it, as text. Empty: nothing.
    pub default: &'static str,
    /// What it means, for people.
    pub about: &'static str,
}

const fn setting(name: &'static str, default: &'static str, about: &'static str) -> Setting {
    Setting { name, default, about }
}

/// Of the host and of the doors.
pub const HOST: [Setting; 11] = [
    setting("FUNCTIONS_WORKER_RUNTIME", "", "What the tools call an app with a handler of its own."),
    setting(
        "AzureWebJobsStorage",
        "",
        "Where `func start` keeps timers and keys; here the storage emulator. `trainyard up` does not need it. With \
         TRAINYARD_STORE or TRAINYARD_ARTIFACTS as `blob` and no TRAINYARD_BLOB, documents are kept there too.",
    ),
    setting(
        "SERVICEBUS",
        "",
        "How queues are reached; here the Service Bus emulator. `trainyard up` has a bus of its own.",
    ),
    setting(
        "SERVICEBUS__fullyQualifiedNamespace",
        "",
        "In Azure, in its place: NAME.servicebus.windows.net, which the app's identity opens.",
    ),
    setting(
        "SWEEP_SCHEDULE",
        "0 * * * * *",
        "When waits are looked after whose event was lost: second, minute, hour, day, month, day of the week, in UTC.",
    ),
    setting(
        "GITHUB_WEBHOOK_SECRET",
        "",
        "What GitHub signs its web hooks with, which come to /api/github. Empty: nobody is let in.",
    ),
    setting("GITHUB_WEBHOOK_SECRET_PREVIOUS", "", "The one before, which is good as well while it is being replaced."),
    setting("DATABRICKS_WEBHOOK_USER", "", "Who Databricks says that it is when it calls /api/databricks."),
    setting("DATABRICKS_WEBHOOK_PASSWORD", "", "And what proves it. Empty: nobody is let in."),
    setting(
        "MLFLOW_WEBHOOK_SECRET",
        "",
        "What MLflow signs its web hooks with, which come to /api/mlflow. Empty: nobody is let in.",
    ),
    setting("MLFLOW_WEBHOOK_SECRET_PREVIOUS", "", "The one before, likewise."),
];

/// Of this machine. `trainyard up` itself reads them from the environment alone.
pub const MACHINE: [Setting; 7] = [
    setting("TRAINYARD_HOME", "", "The folder of all local state; `.trainyard` in the home folder."),
    setting("TRAINYARD_PORT", "7071", "Where `trainyard up` listens, and where commands look for it."),
    setting("TRAINYARD_LOG", "", "What is logged: `debug`, or `info,runner=debug`."),
    setting("TRAINYARD_PYTHON", "", "The Python that environments are made with; the newest that is found."),
    setting(
        "TRAINYARD_JOBS_AT_ONCE",
        "2",
        "Jobs that run on this machine at a time. This one and those above it are of `trainyard` itself, which takes them from its \
         environment and not from this file.",
    ),
    setting("TRAINYARD_LINK", "", "Where a handler finds the backends of `trainyard up`. Set by the host itself."),
    setting("TRAINYARD_LINK_TOKEN", "", "And what opens them."),
];

/// Which backend each port has. Each is one line; `embedded` is this machine.
pub const PORTS: [Setting; 10] = [
    setting("TRAINYARD_STORE", "embedded", "Where documents are: embedded, blob."),
    setting("TRAINYARD_BUS", "embedded", "What carries messages: embedded, service_bus."),
    setting("TRAINYARD_ARTIFACTS", "embedded", "Where snapshots, models and reports are: embedded, blob."),
    setting(
        "TRAINYARD_SOURCE",
        "embedded",
        "Where model repositories are: embedded, code_hosts (TRAINYARD_AZURE_DEVOPS and TRAINYARD_GITHUB say which \
         project is where; the others are embedded).",
    ),
    setting(
        "TRAINYARD_JOBS",
        "embedded",
        "What trains: embedded, azure_ml, databricks; or what is in a workspace of Azure ML already: published_pipeline, \
         batch_endpoint.",
    ),
    setting(
        "TRAINYARD_CHECKS",
        "embedded",
        "What checks commits, tests images and measures them: embedded, container_registry (its tasks, isolated).",
    ),
    setting("TRAINYARD_MODELS", "embedded", "What registers models: embedded, azure_ml."),
    setting("TRAINYARD_IMAGES", "embedded", "What builds and keeps images: embedded, container_registry."),
    setting(
        "TRAINYARD_DEPLOYMENTS",
        "embedded",
        "What serves: embedded, container_instances, kubernetes, online_endpoints; or by environment: \
         {\"qa\": \"container_instances\", \"prod\": \"kubernetes\"}.",
    ),
    setting(
        "TRAINYARD_INFRASTRUCTURE",
        "embedded",
        "What applies infrastructure: embedded (nothing: it is only for Azure), resource_manager.",
    ),
];

/// Of Azure's services and the code hosts: JSON, each the settings of that service as its module documents them.
pub const SERVICES: [Setting; 17] = [
    setting(
        "TRAINYARD_BLOB",
        "",
        "{\"account\": \"https://ACCOUNT.blob.core.windows.net\", \"container\": \"trainyard\"}; the account may be a \
         connection string.",
    ),
    setting(
        "TRAINYARD_SERVICE_BUS",
        "",
        "How messages are sent, where it is not as SERVICEBUS says: {\"namespace\": \"NAME.servicebus.windows.net\", \
         \"transport\": \"amqp\"}; `https` where port 5671 is closed.",
    ),
    setting(
        "TRAINYARD_AZURE_ML",
        "",
        "{\"subscription\": ID, \"resource_group\": NAME, \"workspace\": NAME, \"compute\": {\"name\": \"cpu\"}}.",
    ),
    setting(
        "TRAINYARD_PUBLISHED_PIPELINE",
        "",
        "{\"subscription\": ID, \"resource_group\": NAME, \"workspace\": NAME, \"projects\": {PROJECT: {\"pipeline\": \
         {\"published\": ID}, \"parameters\": {\"model\": \"{job}\"}, \"result\": {\"folder\": \
         \"azureml://datastores/NAME/paths/models/{job}\"}}}}; {\"endpoint\": ID} for a pipeline endpoint.",
    ),
    setting(
        "TRAINYARD_BATCH_ENDPOINT",
        "",
        "{\"subscription\": ID, \"resource_group\": NAME, \"workspace\": NAME, \"projects\": {PROJECT: {\"endpoint\": \
         NAME, \"inputs\": {\"data\": {\"type\": \"UriFolder\", \"uri\": \"azureml://..\"}}, \"outputs\": {\"model\": \
         {\"type\": \"UriFolder\", \"uri\": \"azureml://datastores/NAME/paths/models/{job}\"}}}}}.",
    ),
    setting(
        "TRAINYARD_DATABRICKS",
        "",
        "{\"workspace\": \"https://adb-1.2.azuredatabricks.net\", \"projects\": {PROJECT: {\"notebook\": \
         \"/Shared/train\", \"cluster\": {\"existing\": ID}}}}.",
    ),
    setting(
        "TRAINYARD_CONTAINER_REGISTRY",
        "",
        "{\"subscription\": ID, \"resource_group\": NAME, \"registry\": NAME, \"projects\": [PROJECT]}: builds, \
         keeps and checks. Each project has a repository of its own, `trainyard/PROJECT`.",
    ),
    setting(
        "TRAINYARD_ENVIRONMENT_REGISTRIES",
        "",
        "Registries that environments take their images from, where it is not the one that builds: {\"prod\": {..}}, \
         each like TRAINYARD_CONTAINER_REGISTRY. Images are brought there by their digest.",
    ),
    setting(
        "TRAINYARD_CONTAINER_INSTANCES",
        "",
        "{\"subscription\": ID, \"resource_group\": NAME, \"location\": \"westeurope\", \"image\": {\"registry_server\": \
         \"NAME.azurecr.io\"}, \"pull\": {\"identity\": ID}}.",
    ),
    setting(
        "TRAINYARD_KUBERNETES",
        "",
        "{\"subscription\": ID, \"resource_group\": NAME, \"cluster\": NAME, \"namespace\": NAME, \"image\": \
         {\"registry_server\": \"NAME.azurecr.io\"}}. Where the cluster has the Gateway API, releases take over in steps: \
         {.., \"endpoint\": \"https://HOST\", \"route\": {\"gateway\": NAME, \"gateway_namespace\": NAME, \"steps\": [10, 50], \
         \"step_secs\": 300}}.",
    ),
    setting(
        "TRAINYARD_ONLINE_ENDPOINTS",
        "",
        "{\"subscription\": ID, \"resource_group\": NAME, \"workspace\": NAME, \"location\": \"westeurope\", \"images\": \
         \"NAME.azurecr.io/trainyard/{project}\"}.",
    ),
    setting(
        "TRAINYARD_RESOURCE_MANAGER",
        "",
        "{\"subscription\": ID, \"groups\": {PROJECT: NAME}}: where each project's infrastructure goes.",
    ),
    setting(
        "TRAINYARD_KEY_VAULT",
        "",
        "{\"vaults\": {\"qa\": \"https://NAME.vault.azure.net\"}}: keys and passwords of deployments. Without it they \
         are TRAINYARD_SECRET_<ENVIRONMENT>_<NAME>.",
    ),
    setting(
        "TRAINYARD_DOCTOR",
        "",
        "What `trainyard doctor` looks at besides: {\"resources\": {\"storage\": ID, \"service_bus\": ID, \"vault\": ID}, \
         \"location\": \"westeurope\"}: what other settings have only an address of, and the region of the workspace, for \
         its quotas.",
    ),
    setting("TRAINYARD_AZURE_DEVOPS", "", "{\"organization\": \"NAME\", \"repositories\": {PROJECT: {..}}}."),
    setting("TRAINYARD_GITHUB", "", "{\"repositories\": {PROJECT: {\"owner\": \"..\", \"repository\": \"..\"}}}."),
    setting(
        "TRAINYARD_GITHUB_HOOKS",
        "",
        "GitHub's webhooks whose failed deliveries are asked for again: [{\"hook\": {\"app\": {}}}] for the App's, \
         [{\"hook\": {\"repository\": {\"owner\": \"..\", \"repository\": \"..\", \"number\": 1}}}] for those of \
         repositories, which GITHUB_TOKEN opens.",
    ),
];

/// Credentials; in Azure the app's managed identity needs none of them.
pub const CREDENTIALS: [Setting; 14] = [
    setting(
        "AZURE_CLOUD",
        "AzureCloud",
        "Which Azure: AzureCloud, AzureUSGovernment, AzureChinaCloud. Tokens, Azure Resource Manager and registries are \
         looked for there.",
    ),
    setting("AZURE_AUTHORITY_HOST", "", "Another address for the tokens of Entra ID."),
    setting("AZURE_TENANT_ID", "", "The directory of the identity below."),
    setting("AZURE_CLIENT_ID", "", "A user-assigned identity, or an application."),
    setting("AZURE_CLIENT_SECRET", "", "The application's secret."),
    setting("AZURE_CLIENT_CERTIFICATE_PATH", "", "Or its certificate with the private key, as PEM."),
    setting("AZURE_FEDERATED_TOKEN_FILE", "", "Or the token of a workload identity. None of them: the Azure CLI."),
    setting("AZURE_DEVOPS_TOKEN", "", "A personal access token, where no identity was added to the organisation."),
    setting("AZURE_DEVOPS_TOKEN_OWNER", "", "Whose it is, for error messages."),
    setting("GITHUB_APP", "", "The client id of a GitHub App."),
    setting("GITHUB_APP_INSTALLATION", "", "The number of its installation."),
    setting("GITHUB_APP_PRIVATE_KEY", "", "Its private key, as PEM."),
    setting("GITHUB_TOKEN", "", "A personal access token, where there is no App."),
    setting("GITHUB_TOKEN_OWNER", "", "Whose it is, for error messages."),
];

/// All of them, in the order of the example.
pub fn all() -> impl Iterator<Item = Setting> {
    HOST.into_iter().chain(PORTS).chain(SERVICES).chain(CREDENTIALS).chain(MACHINE)
}
