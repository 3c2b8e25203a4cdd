//! Silicon neurons: equations against transistors. Library facade.
