//! The program, run by the Python of this machine.
