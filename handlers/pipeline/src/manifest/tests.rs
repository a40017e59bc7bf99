mod init;
mod paths;
mod reading;
mod round_trip;
