//! What a workflow on a branch does, step by step: in the registry, and in the logs.

use super::Platform;
use super::fault::Fault;
use super::logs::{Event, Source};
use super::registry::{Run, RunKind};
use crate::api::actions::{ActionRun, RunStep, StepName, StepStatus};
use crate::api::branches::Branch;
use crate::clock;

/// A run as it is told.
pub(super) struct Action {
    platform: Platform,
    branch: Branch,
    kind: RunKind,
    run: ActionRun,
}

impl Platform {
    /// Begins to tell of a run.
    pub(super) async fn action(&self, run: &Run, branch: &Branch) -> Action {
        let action = Action {
            platform: self.clone(),
            branch: branch.clone(),
            kind: run.kind,
            run: waiting(run, branch),
        };
        action.say(
            "INFO",
            format!("{} of branch {} begins", action.word(), branch.name),
        );
        action.store().await;
        action
    }
}

/// A run that has not begun yet: it was answered for, and waits for its turn.
pub(super) fn waiting(run: &Run, branch: &Branch) -> ActionRun {
    let now = clock::now();
    let steps: &[StepName] = match run.kind {
        RunKind::Launch | RunKind::Recovery | RunKind::Reset => {
            &[StepName::Clone, StepName::Migrate]
        }
        RunKind::Branch => &[StepName::Clone, StepName::Migrate, StepName::Deploy],
        RunKind::Push | RunKind::Merge => &[StepName::Pull, StepName::Migrate, StepName::Deploy],
    };
    let steps = steps.iter().map(|name| RunStep {
        name: *name,
        status: StepStatus::Created,
        created_at: now.clone(),
        updated_at: now.clone(),
    });
    ActionRun {
        id: run.id.clone(),
        branch_id: branch.id.clone(),
        run_steps: steps.collect(),
        git_config: None,
        workdir: None,
        check_run_id: None,
        created_at: now.clone(),
        updated_at: now,
    }
}

impl Action {
    /// The step that is under way is done, and this one begins.
    pub(super) async fn step(&mut self, name: StepName) {
        self.settle(StepStatus::Exited);
        self.set(name, StepStatus::Running);
        self.say("INFO", format!("{}: begins", name.as_str()));
        self.store().await;
    }

    /// Something that happened in the step under way.
    pub(super) fn note(&self, text: impl Into<String>) {
        self.say("INFO", text.into());
    }

    /// The run is over.
    pub(super) async fn end(mut self, done: &Result<(), Fault>) {
        let word = self.word();
        match done {
            Ok(()) => {
                self.settle(StepStatus::Exited);
                self.say("INFO", format!("{word} is done"));
            }
            Err(fault) => {
                self.settle(StepStatus::Dead);
                self.say("ERROR", format!("{word} failed: {}", fault.message()));
            }
        }
        self.store().await;
    }

    fn word(&self) -> &'static str {
        self.kind.as_str()
    }

    fn settle(&mut self, status: StepStatus) {
        let running = self
            .run
            .run_steps
            .iter()
            .find(|step| step.status == StepStatus::Running)
            .map(|step| step.name);
        if let Some(name) = running {
            self.set(name, status);
        }
    }

    fn set(&mut self, name: StepName, status: StepStatus) {
        let now = clock::now();
        for step in &mut self.run.run_steps {
            if step.name == name {
                step.status = status;
                step.updated_at.clone_from(&now);
            }
        }
        self.run.updated_at = now;
    }

    /// On the branch; a merge on production as well, because it works there.
    fn say(&self, severity: &'static str, text: String) {
        let step = self
            .run
            .run_steps
            .iter()
            .find(|step| step.status == StepStatus::Running);
        let mut event = Event::now(text)
            .severity(severity)
            .with("workflow_run", &self.run.id)
            .with("action", self.word())
            .with("branch_id", &self.branch.id)
            .with("branch", &self.branch.name);
        if let Some(step) = step {
            event = event.with("step", step.name.as_str());
        }
        if self.kind == RunKind::Merge {
            let production = &self.branch.parent_project_ref;
            self.platform
                .log(production, Source::WorkflowRun, event.clone());
        }
        self.platform
            .log(&self.branch.project_ref, Source::WorkflowRun, event);
    }

    /// What is told of a workflow must not end it.
    async fn store(&self) {
        let stored = self
            .platform
            .registry()
            .put_action(&self.branch, &self.run)
            .await;
        if let Err(error) = stored {
            tracing::error!(%error, run = self.run.id, "a run's steps could not be stored");
        }
    }
}
