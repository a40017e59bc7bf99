//! The methods of all ports, numbered.

macro_rules! methods {
    ($($name:ident = $number:literal, $text:literal;)*) => {
        /// A method of a port. A number is never used again for another one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Method {
            $($name = $number,)*
        }

        impl Method {
            /// The method with this number.
            pub fn numbered(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// What people call it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

methods! {
    StoreGet = 1, "store.get";
    StorePut = 2, "store.put";
    StoreDelete = 3, "store.delete";
    StoreList = 4, "store.list";
    BusSend = 5, "bus.send";
    LedgerCommit = 6, "ledger.commit";
    ArtifactsPut = 10, "artifacts.put";
    ArtifactsGet = 11, "artifacts.get";
    SourceResolve = 20, "source.resolve";
    SourceRead = 21, "source.read";
    SourceSnapshot = 22, "source.snapshot";
    SourceChanged = 23, "source.changed";
    SourceSetStatus = 24, "source.set_status";
    SourceComment = 25, "source.comment";
    SourcePublishTests = 26, "source.publish_tests";
    SourceBuild = 27, "source.build";
    JobsSubmit = 30, "jobs.submit";
    JobsStatus = 31, "jobs.status";
    JobsCancel = 32, "jobs.cancel";
    JobsLogs = 33, "jobs.logs";
    ModelsRegister = 40, "models.register";
    ModelsGet = 41, "models.get";
    ModelsTag = 42, "models.tag";
    ModelsVersions = 43, "models.versions";
    ImagesBuild = 50, "images.build";
    ImagesStatus = 51, "images.status";
    ImagesHas = 52, "images.has";
    DeploymentsApply = 60, "deployments.apply";
    DeploymentsStatus = 61, "deployments.status";
    DeploymentsCall = 62, "deployments.call";
    DeploymentsRemove = 63, "deployments.remove";
    DeploymentsLogs = 64, "deployments.logs";
}

impl Method {
    /// Whether a call is a few microseconds of work or a wait for another thread. Such calls are worth no task.
    pub fn is_quick(self) -> bool {
        (self as u8) < Self::ArtifactsPut as u8
    }
}
