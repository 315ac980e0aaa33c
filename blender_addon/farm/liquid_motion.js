// SPDX-License-Identifier: GPL-3.0-or-later
// Flamenco job type: put this file into the folder "scripts" beside flamenco-manager.
//
// Footage to film: fit source and driving once, render the frames in chunks, make a video of them. Without footage it
// renders the .blend that is submitted. A task that was cut short can be queued again: what is done is verified and
// skipped, and the pixels are the same whichever machine renders a frame.

const JOB_TYPE = {
    label: "Liquid Motion",
    description: "Fit once, render frames in chunks, video at the end",
    settings: [
        {
            key: "frames", type: "string", required: true,
            eval: "f'{C.scene.frame_start}-{C.scene.frame_end}'",
            evalInfo: { showLinkButton: true, description: "Scene frame range" },
            description: "Frames to render, as in 1-100 or 1,5-8. With footage: the first is 1, the last is how many the driving clip has",
        },
        {
            key: "chunk_size", type: "int32", default: 20, visible: "submission",
            description: "Frames in one task. The first frame of a task takes a few seconds more",
        },
        {
            key: "source", type: "string", required: false,
            description: "Photos or clips of the person, separated by ';'. Empty: render the .blend as it is",
        },
        {
            key: "driving", type: "string", subtype: "file_path", required: false,
            description: "Clip of somebody moving. Needed where a source is given",
        },
        {
            key: "cam_strategy", type: "string", choices: ["smooth", "source", "copy", "follow"], default: "smooth",
            visible: "submission", description: "Where the camera stands, with footage",
        },
        {
            key: "output", type: "string", subtype: "dir_path", required: true,
            description: "Folder for the frames, the video and, with footage, the scene. All machines must see it",
        },
        {
            key: "format", type: "string", choices: ["PNG", "EXR"], default: "PNG",
            description: "RGBA PNG, or multi-layer EXR with depth. A video is made of PNG only",
        },
        {
            key: "fps", type: "float", eval: "C.scene.render.fps / C.scene.render.fps_base", visible: "submission",
            description: "Frames a second of the video; with footage: those of the driving clip",
        },
        { key: "blendfile", type: "string", required: true, visible: "web", description: "Path of the submitted .blend" },
    ],
};

function compileJob(job) {
    const settings = job.settings;
    const fitTask = settings.source ? authorFit(settings) : null;
    const blendfile = fitTask ? path.join(settings.output, "scene.blend") : settings.blendfile;
    const renderTasks = authorFrames(settings, blendfile);
    if (fitTask) {
        job.addTask(fitTask);
    }
    for (const task of renderTasks) {
        if (fitTask) {
            task.addDependency(fitTask);
        }
        job.addTask(task);
    }
    if (settings.format === "PNG") {
        const videoTask = authorVideo(settings);
        for (const task of renderTasks) {
            videoTask.addDependency(task);
        }
        job.addTask(videoTask);
    }
}

function authorFit(settings) {
    if (!settings.driving) {
        throw "a source needs a driving clip: fill in Driving, or leave Source empty";
    }
    const sources = settings.source.split(";").map((source) => source.trim()).filter((source) => source);
    const task = author.Task("fit", "blender");
    task.addCommand(author.Command("exec", {
        exe: "{blender}",
        args: [
            "--background", "--command", "liquid_motion", "make-scene",
            "--source", ...sources,
            "--driving", settings.driving,
            "--cam-strategy", settings.cam_strategy || "smooth",
            "--out", settings.output,
        ],
    }));
    return task;
}

function authorFrames(settings, blendfile) {
    const pattern = path.join(settings.output, "frames", settings.format === "EXR" ? "####.exr" : "####.png");
    return frameChunker(settings.frames, settings.chunk_size).map((chunk) => {
        const task = author.Task(`render-${chunk}`, "blender");
        task.addCommand(author.Command("blender-render", {
            exe: "{blender}",
            exeArgs: "{blenderArgs}",
            argsBefore: [],
            blendfile: blendfile,
            args: [
                "--command", "liquid_motion", "render", "--engine", "LIQUID_MOTION",
                `--frames=${chunk}`, "--out", pattern,
            ],
        }));
        return task;
    });
}

function authorVideo(settings) {
    const task = author.Task("video", "ffmpeg");
    task.addCommand(author.Command("frames-to-video", {
        exe: "ffmpeg",
        fps: settings.fps || 30,
        inputGlob: path.join(settings.output, "frames", "*.png"),
        outputFile: path.join(settings.output, "out.mp4"),
        args: [
            "-c:v", "h264", "-crf", "18", "-pix_fmt", "yuv420p",
            "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-y",
        ],
    }));
    return task;
}
