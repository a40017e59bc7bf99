//! Azure Service Bus.
