//! The order story: five durable steps.
