//! The program that runs a job's commands on a machine that is not ours.
