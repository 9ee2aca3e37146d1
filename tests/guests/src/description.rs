//! What a hand-written component says of itself, laid out in memory as the
//! canonical ABI has it.

/// The answer of `describe`: the workflow types, and what is wrong with them.
#[derive(Clone, Debug, Default)]
pub struct Description {
    workflows: Vec<Workflow>,
}

#[derive(Clone, Debug)]
struct Workflow {
    name: String,
    input_schema: Option<String>,
    signals: Vec<Handler>,
    queries: Vec<Handler>,
    updates: Vec<Handler>,
    versioning: u8,
}

/// A signal, query or update that a type handles.
#[derive(Clone, Debug, Default)]
pub struct Handler {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: String,
    /// JSON schema of its arguments.
    pub input_schema: Option<String>,
}

impl Handler {
    /// A handler without further words.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }
}

impl Description {
    /// These workflow types.
    pub fn of<S: AsRef<str>>(workflow_types: &[S]) -> Self {
        let workflow = |name: &S| Workflow {
            name: name.as_ref().to_owned(),
            input_schema: None,
            signals: Vec::new(),
            queries: Vec::new(),
            updates: Vec::new(),
            versioning: 0,
        };
        Self {
            workflows: workflow_types.iter().map(workflow).collect(),
        }
    }

    /// With this schema for the input of every type.
    pub fn input_schema(mut self, schema: &str) -> Self {
        for workflow in &mut self.workflows {
            workflow.input_schema = Some(schema.to_owned());
        }
        self
    }

    /// With these signals at every type.
    pub fn signals(mut self, handlers: &[Handler]) -> Self {
        for workflow in &mut self.workflows {
            workflow.signals = handlers.to_vec();
        }
        self
    }

    /// With these queries at every type.
    pub fn queries(mut self, handlers: &[Handler]) -> Self {
        for workflow in &mut self.workflows {
            workflow.queries = handlers.to_vec();
        }
        self
    }

    /// With these updates at every type.
    pub fn updates(mut self, handlers: &[Handler]) -> Self {
        for workflow in &mut self.workflows {
            workflow.updates = handlers.to_vec();
        }
        self
    }

    /// With successors of every type on the current version
    /// (`upgrade-on-continue-as-new`).
    pub fn upgrades_on_continue_as_new(mut self) -> Self {
        for workflow in &mut self.workflows {
            workflow.versioning = 2;
        }
        self
    }

    /// The record `component-description` as it lies in memory from `base` on.
    pub(crate) fn laid_out(&self, base: u32) -> Vec<u8> {
        let mut memory = Memory {
            base,
            bytes: vec![0; DESCRIPTION_BYTES],
        };
        let list = memory.reserve(self.workflows.len() * WORKFLOW_BYTES);
        memory.put_pair(0, base + list as u32, self.workflows.len());
        for (index, workflow) in self.workflows.iter().enumerate() {
            let at = list + index * WORKFLOW_BYTES;
            memory.put_text(at, &workflow.name);
            memory.put_option(at + 16, workflow.input_schema.as_deref());
            memory.put_handlers(at + 40, &workflow.signals);
            memory.put_handlers(at + 48, &workflow.queries);
            memory.put_handlers(at + 56, &workflow.updates);
            memory.bytes[at + 64] = workflow.versioning;
        }
        memory.bytes
    }
}

/// Size of the record `component-description`.
const DESCRIPTION_BYTES: usize = 32;
/// Size of the record `workflow-definition`.
const WORKFLOW_BYTES: usize = 68;
/// Size of the record `handler`.
const HANDLER_BYTES: usize = 40;

struct Memory {
    base: u32,
    bytes: Vec<u8>,
}

impl Memory {
    /// Room at the end, aligned; answers its offset.
    fn reserve(&mut self, len: usize) -> usize {
        let at = self.bytes.len().next_multiple_of(8);
        self.bytes.resize(at + len, 0);
        at
    }

    fn put(&mut self, at: usize, word: u32) {
        self.bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }

    fn put_pair(&mut self, at: usize, pointer: u32, len: usize) {
        self.put(at, pointer);
        self.put(at + 4, len as u32);
    }

    fn put_text(&mut self, at: usize, text: &str) {
        let place = self.reserve(text.len());
        self.bytes[place..place + text.len()].copy_from_slice(text.as_bytes());
        self.put_pair(at, self.base + place as u32, text.len());
    }

    fn put_option(&mut self, at: usize, text: Option<&str>) {
        if let Some(text) = text {
            self.put(at, 1);
            self.put_text(at + 4, text);
        }
    }

    fn put_handlers(&mut self, at: usize, handlers: &[Handler]) {
        let list = self.reserve(handlers.len() * HANDLER_BYTES);
        self.put_pair(at, self.base + list as u32, handlers.len());
        for (index, handler) in handlers.iter().enumerate() {
            let at = list + index * HANDLER_BYTES;
            self.put_text(at, &handler.name);
            self.put_text(at + 8, &handler.description);
            self.put_option(at + 16, handler.input_schema.as_deref());
        }
    }
}
