//! Azure Service Bus: AMQP 1.0 as far as a sender sees it.
