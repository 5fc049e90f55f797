package io.kestra.plugin.scripts.shell;

import io.kestra.core.models.annotations.Plugin;
import io.kestra.core.models.property.Property;
import io.kestra.core.models.tasks.RunnableTask;
import io.kestra.core.runners.RunContext;
import io.kestra.plugin.scripts.exec.AbstractExecScript;
import io.kestra.plugin.scripts.exec.scripts.models.ScriptOutput;
import jakarta.validation.constraints.NotNull;
import java.util.List;

/**
 * Replaces the shell task of Kestra's plugin-script-shell, which is not published as a module. It adds
 * nothing: the environment, files, Process runner, frames, exit codes and kill are Kestra's own code in
 * the module `script`.
 */
@Plugin
public class Commands extends AbstractExecScript implements RunnableTask<ScriptOutput> {
    private Property<String> containerImage = Property.ofValue("ubuntu");

    @NotNull
    private Property<List<String>> commands;

    /** For the engine's flow parser. */
    public Commands() {
    }

    @Override
    public Property<String> getContainerImage() {
        return containerImage;
    }

    /** The lines of the shell. */
    public Property<List<String>> getCommands() {
        return commands;
    }

    @Override
    public ScriptOutput run(RunContext runContext) throws Exception {
        return commands(runContext)
            .withInterpreter(getInterpreter())
            .withBeforeCommands(getBeforeCommands())
            .withBeforeCommandsWithOptions(true)
            .withCommands(commands)
            .run();
    }
}
