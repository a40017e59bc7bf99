//! The promises of the ports, one public async function each. Every backend calls them all from its own tests.
