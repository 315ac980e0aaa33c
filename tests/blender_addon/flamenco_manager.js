// Compiles a Flamenco job as the manager does: node flamenco_manager.js SCRIPT SETTINGS_JSON prints its tasks as JSON.
// The manager's own library, as its documentation has it: author, path, frameChunker, print.
const fs = require("fs");
const vm = require("vm");
const posix = require("path").posix;

function frameChunker(range, size) {
    const frames = [];
    for (const part of range.split(",")) {
        const [, first, last] = part.trim().match(/^(-?\d+)(?:-(-?\d+))?$/);
        for (let frame = +first; frame <= +(last ?? first); frame++) frames.push(frame);
    }
    const chunks = [];
    for (let i = 0; i < frames.length; i += size) {
        const chunk = frames.slice(i, i + size);
        const gapless = chunk[chunk.length - 1] - chunk[0] === chunk.length - 1;
        chunks.push(chunk.length > 1 && gapless ? `${chunk[0]}-${chunk[chunk.length - 1]}` : chunk.join(","));
    }
    return chunks;
}

const author = {
    Task: (name, type) => ({
        name, type, commands: [], dependencies: [],
        addCommand(command) { this.commands.push(command); },
        addDependency(task) { this.dependencies.push(task.name); },
    }),
    Command: (name, parameters) => ({ name, parameters }),
};
const job = { settings: JSON.parse(process.argv[3]), tasks: [], addTask(task) { this.tasks.push(task); } };
const world = vm.createContext({ author, path: { ...posix, stem: (p) => posix.parse(p).name }, frameChunker, print() {} });
vm.runInContext(fs.readFileSync(process.argv[2], "utf8") + "\n;globalThis.type = JOB_TYPE;", world);
world.job = job;
vm.runInContext("compileJob(job)", world);
console.log(JSON.stringify({ type: world.type, tasks: job.tasks }));
