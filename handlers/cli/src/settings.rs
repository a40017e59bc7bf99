//! Where the host is, where its state is, who is asking.

use std::path::{Path, PathBuf};

use crate::args::Global;
use crate::failure::Failure;

/// The port that the host listens on, if nobody says otherwise.
const DEFAULT_PORT: u16 = 7071;
/// The file in a home that says where its host listens.
const PORT_FILE: &str = "host.port";

/// What the global arguments and the environment say.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    home: Option<PathBuf>,
    /// Neither the usual one nor the environment's: commands for people to type must name it.
    home_is_said: bool,
    /// Where the host is looked for.
    pub port: u16,
    /// Where a host listens that is started now.
    pub new_port: u16,
    port_is_said: bool,
    /// Nobody said a port, and the home did.
    port_is_of_home: bool,
    usual_port: u16,
    user: Option<String>,
}

impl Settings {
    pub fn new(global: &Global) -> Self {
        let said = global.home.clone();
        let usual = || std::env::home_dir().filter(|dir| !dir.as_os_str().is_empty()).map(|dir| dir.join(".trainyard"));
        let environment = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let usual_home = environment("TRAINYARD_HOME").map(PathBuf::from);
        let usual_port = environment("TRAINYARD_PORT").and_then(|port| port.parse().ok());
        let home_is_said = said.is_some() && said != usual_home;
        let home = said.or_else(usual);
        let new_port = global.port.unwrap_or(DEFAULT_PORT);
        let of_home = if global.port.is_none() { home.as_deref().and_then(port_of) } else { None };
        Self {
            home_is_said,
            usual_port: usual_port.unwrap_or(DEFAULT_PORT),
            home,
            port: of_home.unwrap_or(new_port),
            new_port,
            port_is_said: global.port.is_some(),
            port_is_of_home: of_home.is_some(),
            user: user(),
        }
    }

    /// The home's host turned out to be there.
    pub fn host_is_at(&mut self, port: u16) {
        self.port = port;
        self.port_is_of_home = !self.port_is_said;
    }

    /// The folder of all local state, from the root of the file system.
    pub fn home(&self) -> Result<PathBuf, Failure> {
        let Some(home) = &self.home else {
            return Err(Failure::input("there is no folder for the state of Trainyard: the home folder is not known")
                .advice("name one with `--home DIR` or `TRAINYARD_HOME`"));
        };
        std::path::absolute(home)
            .map_err(|error| Failure::input(format!("{} cannot be the home of Trainyard: {error}", home.display())))
    }

    /// Who is asking: as they say, or the user of this machine.
    pub fn by(&self, said: Option<&str>) -> Result<String, Failure> {
        let known = said.map(str::to_owned).or_else(|| self.user.clone());
        known.ok_or_else(|| Failure::input("this machine does not say who you are").advice("say it with `--as NAME`"))
    }

    /// A command for people to type that finds the same host.
    pub fn again(&self, command: &str) -> String {
        let mut line = String::from("trainyard");
        // Commands that start something look at the home; the others ask the host, which is where its home says.
        let name = command.split(' ').next().unwrap_or(command);
        let starts = ["up", "demo"].contains(&name);
        if self.home_is_said
            && (starts || self.port_is_of_home)
            && let Some(home) = &self.home
        {
            line.push_str(&format!(" --home {}", shell_word(&home.display().to_string())));
        }
        if self.port != self.usual_port && name != "init" && (starts || !self.port_is_of_home) {
            line.push_str(&format!(" --port {}", self.port));
        }
        format!("{line} {command}")
    }
}

/// Where the host of a home listens, if there was one that did.
fn port_of(home: &Path) -> Option<u16> {
    std::fs::read_to_string(home.join(PORT_FILE)).ok()?.trim().parse().ok().filter(|port| *port > 0)
}

/// The name of the user of this machine.
fn user() -> Option<String> {
    ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|name| !name.trim().is_empty())
        .or_else(user_of_this_process)
}

/// The owner of this process in the list of users: containers often have no variable.
#[cfg(unix)]
fn user_of_this_process() -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let id = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    })
}

#[cfg(not(unix))]
fn user_of_this_process() -> Option<String> {
    None
}

/// A word as a shell takes it.
pub(crate) fn shell_word(word: &str) -> String {
    if !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:@%+=,~".contains(c)) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
