"""What programs write when something is wrong: texts of ONNX Runtime, CUDA, PyTorch, kernels, servers."""

# ruff: noqa: E501 — lines of programs are as long as they are

from collections.abc import Mapping

from steadfast.health.log_diagnosis.findings import FindingKind as Kind

TRACEBACK = (
    "Traceback (most recent call last):",
    '  File "/app/server/handlers.py", line 88, in predict',
    "    outputs = self.session.run(None, feeds)",
)

KERNEL = "kernel: "
"""Texts that begin so are written by the kernel."""

PLANTS: Mapping[Kind, tuple[tuple[str, ...], ...]] = {
    Kind.DEVICE_OUT_OF_MEMORY: (
        (
            *TRACEBACK,
            "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 512.00 MiB (GPU 0; 15.78 GiB total capacity; 14.02 GiB already allocated; 11.75 MiB free; 14.31 GiB reserved in total by PyTorch)",
        ),
        (
            "2026-11-20 09:12:44.120034 [E:onnxruntime:, sequential_executor.cc:572 ExecuteKernel] Non-zero status code returned while running FusedConv node. Name:'Conv_118' Status Message: bfc_arena.cc:376 onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 268435456",
        ),
        (
            *TRACEBACK,
            "onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException: [ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : CUDA failure 2: out of memory ; GPU=0 ; hostname=node7 ; file=cuda_allocator.cc ; line=55 ; expr=cudaMalloc((void**)&p, size);",
        ),
        ("cuDNN error: CUDNN_STATUS_ALLOC_FAILED",),
        ("RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",),
        (
            "[TRT] [E] 1: [defaultAllocator.cpp::allocate::31] Error Code 1: Cuda Runtime (out of memory)",
            "[TRT] [E] 2: [executionContext.cpp] OutOfMemory (no further information)",
        ),
        (
            "2026-11-20 09:12:44.1: W tensorflow/core/common_runtime/bfc_allocator.cc:497] Allocator (GPU_0_bfc) ran out of memory trying to allocate 2.25GiB",
            "tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when allocating tensor with shape[64,512,64,64] and type float on /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc",
        ),
        (
            "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.",
        ),
        ("RuntimeError: HIP out of memory. Tried to allocate 1.50 GiB",),
    ),
    Kind.HOST_OUT_OF_MEMORY: (
        (
            KERNEL
            + "python3 invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0",
            KERNEL
            + "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task=python3,pid=4711,uid=1000",
            KERNEL
            + "Out of memory: Killed process 4711 (python3) total-vm:48293212kB, anon-rss:31422100kB, file-rss:1204kB, shmem-rss:0kB, UID:1000 pgtables:63432kB oom_score_adj:0",
        ),
        (
            KERNEL
            + "Memory cgroup out of memory: Killed process 19331 (python) total-vm:22354352kB, anon-rss:8069120kB, file-rss:120kB, shmem-rss:0kB, UID:0 pgtables:18000kB oom_score_adj:999",
        ),
        ("    State:          Terminated", "      Reason:       OOMKilled", "      Exit Code:    137"),
        ("[ERROR] Worker (pid:4711) was sent SIGKILL! Perhaps out of memory?",),
        (
            *TRACEBACK,
            "numpy.core._exceptions._ArrayMemoryError: Unable to allocate 2.83 GiB for an array with shape (1, 3, 16384, 15488) and data type float32",
        ),
        (*TRACEBACK, "MemoryError"),
        ("terminate called after throwing an instance of 'std::bad_alloc'", "  what():  std::bad_alloc"),
        ("server-1 exited with code 137",),
        ("OSError: [Errno 12] Cannot allocate memory",),
        (
            "RuntimeError: [enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 12884901888 bytes. Error code 12 (Cannot allocate memory)",
        ),
        (
            "systemd[1]: model.service: A process of this unit has been killed by the OOM killer.",
            "systemd[1]: model.service: Failed with result 'oom-kill'.",
        ),
    ),
    Kind.SEGFAULT: (
        (
            "Fatal Python error: Segmentation fault",
            "",
            "Current thread 0x00007f2c1bfff700 (most recent call first):",
            '  File "/app/venv/lib/python3.11/site-packages/onnxruntime/capi/onnxruntime_inference_collection.py", line 266 in run',
        ),
        (
            KERNEL
            + "python3[4711]: segfault at 7f3a2c1d2e10 ip 00007f3a2c1d2e10 sp 00007ffd0a1b2c30 error 4 in libcudnn_ops_infer.so.8.9.7[7f3a2b000000+1c00000]",
        ),
        ("server-1 exited with code 139",),
        ("/usr/bin/entrypoint.sh: line 9:  4711 Segmentation fault      (core dumped) python3 serve.py",),
        ("[ERROR] Worker (pid:4711) was sent SIGSEGV!",),
        ("systemd[1]: model.service: Main process exited, code=dumped, status=11/SEGV",),
        ("free(): invalid pointer", "Fatal Python error: Aborted"),
        ("python3: malloc.c:2617: sysmalloc: Assertion failed.", "Fatal Python error: Aborted"),
        (
            KERNEL
            + "traps: python3[4711] trap invalid opcode ip:7f51a2c0 sp:7ffc01 error:0 in libtorch_cpu.so[7f519d000000+12000000]",
        ),
        (
            "Signal (11) received.",
            "worker: signal 11 (Segmentation fault), address not mapped to object at address 0x8",
        ),
    ),
    Kind.DEVICE_FAULT: (
        (
            KERNEL
            + "NVRM: Xid (PCI:0000:65:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.",
        ),
        (
            KERNEL
            + "NVRM: Xid (PCI:0000:17:00): 63, pid=4711, name=python3, Row Remapper: New row marked for remapping, reset gpu to activate.",
        ),
        (
            *TRACEBACK,
            "RuntimeError: CUDA error: an illegal memory access was encountered",
            "CUDA kernel errors might be asynchronously reported at some other API call",
        ),
        (*TRACEBACK, "RuntimeError: CUDA error: uncorrectable ECC error encountered"),
    ),
    Kind.MODEL_DAMAGED: (
        (
            *TRACEBACK,
            "onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf: [ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model from /models/GFPGANv1.4.onnx failed:Protobuf parsing failed.",
        ),
        (*TRACEBACK, "safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooSmall"),
        (
            *TRACEBACK,
            "RuntimeError: PytorchStreamReader failed reading file data/16: invalid header or archive is corrupted",
        ),
        (*TRACEBACK, "_pickle.UnpicklingError: invalid load key, 'v'."),
        ("checksum of parsing_atr.onnx does not match: expected 04c7d1d0, found 8a3fd00c",),
        ("google.protobuf.message.DecodeError: Error parsing message with type 'onnx.ModelProto'",),
        (
            "[TRT] [E] 1: [stdArchiveReader.cpp::StdArchiveReader::35] Error Code 1: Serialization (Serialization assertion stdVersionRead == serializationVersion failed.Version tag does not match. Magic tag does not match)",
        ),
        ("SHA256 mismatch for det_10g.onnx, deleting the file",),
        ("gguf_init_from_file: invalid magic characters '<htm'",),
    ),
    Kind.MODEL_MISSING: (
        (
            *TRACEBACK,
            "onnxruntime.capi.onnxruntime_pybind11_state.NoSuchFile: [ONNXRuntimeError] : 3 : NO_SUCHFILE : Load model from models/inswapper_128.onnx failed:Load model models/inswapper_128.onnx failed. File doesn't exist",
        ),
        (
            *TRACEBACK,
            "FileNotFoundError: [Errno 2] No such file or directory: '/models/wav2lip/checkpoint.pth'",
        ),
        (
            "failed to load 'densenet_onnx' version 1: Not found: unable to find '/models/densenet_onnx/1/model.onnx'",
        ),
        (
            "OSError: acme/vision-large is not a local folder and is not a valid model identifier listed on 'https://hub.example.org/models'",
        ),
        ("Model file /opt/models/w600k_r50.onnx does not exist, giving up",),
        ("org.pytorch.serve.archive.model.ModelNotFoundException: Model not found at: resnet-18.mar",),
    ),
    Kind.DOWNLOAD_CUT: (
        (
            "urllib3.exceptions.ProtocolError: ('Connection broken: IncompleteRead(31457280 bytes read, 246415360 more expected)', IncompleteRead(31457280 bytes read, 246415360 more expected))",
        ),
        (
            "requests.exceptions.ChunkedEncodingError: ('Connection broken: ConnectionResetError(104, 'Connection reset by peer')', ConnectionResetError(104, 'Connection reset by peer'))",
        ),
        (
            "httpx.RemoteProtocolError: peer closed connection without sending complete message body (received 9437184 bytes, expected 554253681)",
        ),
        ("curl: (56) OpenSSL SSL_read: Connection reset by peer, errno 104",),
        (
            "urllib.error.ContentTooShortError: <urlopen error retrieval incomplete: got only 1048576 out of 92416000 bytes>",
        ),
        ("Download of hyperswap_1a_256.onnx interrupted after 41%: connection reset by peer",),
        (
            "OSError: Consistency check failed: file should be of size 681812992 but has size 52428800 (pytorch_model.bin).",
        ),
        (
            "aiohttp.client_exceptions.ClientPayloadError: Response payload is not completed: <ContentLengthError: 400, message='Not enough data for satisfy content length header.'>",
        ),
    ),
    Kind.LIBRARY_MISSING: (
        (*TRACEBACK, "ImportError: libGL.so.1: cannot open shared object file: No such file or directory"),
        (
            *TRACEBACK,
            "ImportError: libgthread-2.0.so.0: cannot open shared object file: No such file or directory",
        ),
        ("OSError: libsndfile.so.1: cannot open shared object file: No such file or directory",),
        (*TRACEBACK, "FileNotFoundError: [Errno 2] No such file or directory: 'ffmpeg'"),
        ("sh: 1: ffprobe: not found",),
        (
            "[vost#0:0 @ 0x5581] Unknown encoder 'h264_nvenc'",
            "[vost#0:0 @ 0x5581] Error selecting an encoder",
        ),
        (
            "[ERROR:0@1.204] global cap_ffmpeg_impl.hpp:3018 open Could not find encoder for codec_id=27, error: Encoder not found",
        ),
        (
            "python3: /lib/x86_64-linux-gnu/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by /app/lib/libdecode.so)",
        ),
        ("ModuleNotFoundError: No module named 'onnxruntime'",),
        ("ImportError: DLL load failed while importing cv2: The specified module could not be found.",),
    ),
    Kind.DRIVER_MISMATCH: (
        (
            "EP Error cuda_call.cc:114 CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=-1 ; hostname=c4327188c ; expr=cudaSetDevice(info_.device_id);",
        ),
        (
            *TRACEBACK,
            "RuntimeError: The NVIDIA driver on your system is too old (found version 10010). Please update your GPU driver",
        ),
        ("Failed to initialize NVML: Driver/library version mismatch", "NVML library version: 580.65"),
        (*TRACEBACK, "RuntimeError: CUDA error: no kernel image is available for execution on the device"),
        (
            "UserWarning: NVIDIA H200 with CUDA capability sm_90 is not compatible with the current PyTorch installation.",
        ),
        (
            KERNEL
            + "NVRM: API mismatch: the client has the version 570.86.10, but this kernel module has the version 550.54.14.",
        ),
        (
            "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=13.0, please update your driver to a newer version, or use an earlier cuda container: unknown",
        ),
        (
            "UserWarning: CUDA initialization: The NVIDIA driver on your system is too old (found version 12020).",
        ),
        ("Error 804: forward compatibility was attempted on non supported HW",),
        ("Loaded runtime CuDNN library: 8.9.2 but source was compiled with: 9.1.0.",),
    ),
    Kind.PROVIDER_FALLBACK: (
        (
            "2026-11-20 21:33:49.2971069 [W:onnxruntime:Default, onnxruntime_pybind_state.cc:747 onnxruntime::python::CreateExecutionProviderInstance] Failed to create CUDAExecutionProvider. Please reference https://onnxruntime.example/docs/execution-providers/CUDA to ensure all dependencies are met.",
        ),
        (
            "onnxruntime_inference_collection.py:123: UserWarning: Specified provider 'CUDAExecutionProvider' is not in available provider names.Available providers: 'CPUExecutionProvider'",
        ),
        (
            "2026-11-20 21:29:53.926 [E:onnxruntime:Default, provider_bridge_ort.cc:1480 TryGetProviderInfo_CUDA] provider_bridge_ort.cc:1193 onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library libonnxruntime_providers_cuda.so with error: libcublasLt.so.11: cannot open shared object file: No such file or directory",
        ),
        (
            "*************** EP Error ***************",
            "Falling back to ['CPUExecutionProvider'] and retrying.",
        ),
        ("CUDA is not available, falling back to CPU",),
        (
            "Could not load library libcudnn_ops_infer.so.8. Error: libcudnn_ops_infer.so.8: cannot open shared object file: No such file or directory",
        ),
        ("GPU not found, using CPU instead",),
        (
            "Failed to create TensorrtExecutionProvider using onnxruntime-gpu. Require cuDNN 9.* and CUDA 12.*.",
        ),
    ),
    Kind.PRECISION_MISMATCH: (
        (
            *TRACEBACK,
            "onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument: [ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Unexpected input data type. Actual: (tensor(float16)) , expected: (tensor(float))",
        ),
        (*TRACEBACK, "RuntimeError: expected scalar type Float but found Half"),
        (
            *TRACEBACK,
            "RuntimeError: Input type (torch.cuda.HalfTensor) and weight type (torch.cuda.FloatTensor) should be the same",
        ),
        (*TRACEBACK, "RuntimeError: \"LayerNormKernelImpl\" not implemented for 'Half'"),
        (*TRACEBACK, "RuntimeError: mat1 and mat2 must have the same dtype, but got Half and Float"),
        (
            "[ONNXRuntimeError] : 1 : FAIL : Type Error: Type (tensor(float16)) of output arg (CastDef_19) of node (Cast_3) does not match expected type (tensor(float)).",
        ),
        (
            "[request id: 7] inference request failed: unexpected datatype TYPE_FP16 for inference input 'images', expecting TYPE_FP32",
            "inference request: got unexpected datatype TYPE_FP16 for input 'images'",
        ),
    ),
    Kind.DISK_FULL: (
        (*TRACEBACK, "OSError: [Errno 28] No space left on device: '/var/lib/server/scratch/7f21.part'"),
        ("sqlite3.OperationalError: database or disk is full",),
        ('psycopg.errors.DiskFull: could not extend file "base/16384/16397": No space left on device',),
        ("Error writing trailer of out.mp4: No space left on device",),
        (
            KERNEL
            + "EXT4-fs warning (device sda1): ext4_end_bio:343: I/O error: no space left on device while writing",
        ),
        ("OSError: [Errno 122] Disk quota exceeded",),
        (
            "Warning  Evicted  kubelet  The node was low on resource: ephemeral-storage. Container server was using 41Gi, DiskPressure",
        ),
        ("write /var/lib/docker/tmp/GetImageBlob1: no space left on device",),
    ),
    Kind.TOO_MANY_OPEN_FILES: (
        (*TRACEBACK, "OSError: [Errno 24] Too many open files: '/tmp/upload_xk2'"),
        (
            "socket.accept() out of system resource",
            "socket: <asyncio.TransportSocket fd=12>",
            "OSError: [Errno 24] Too many open files",
        ),
        ("2026/11/20 10:11:12 [crit] 31#31: accept4() failed (24: Too many open files)",),
        (KERNEL + "VFS: file-max limit 9223372 reached",),
        (
            "RuntimeError: unable to open shared memory object </torch_4711> in read-write mode: Too many open files (24)",
        ),
        ("[warn] 512 worker_connections are not enough",),
        ("thread 'main' panicked: Os { code: 24, kind: Uncategorized, message: \"Too many open files\" }",),
    ),
}
"""Each a burst of lines; a blank stands for an empty line."""

QUEUE_TEXTS = (
    "Exceeds maximum queue size",
    'Model "resnet-18" has no worker to serve inference request. Please use scale workers API to add workers.',
    "Task queue depth is 37",
    "request rejected: queue is full (256 waiting)",
    "ray.serve.exceptions.BackPressureError: Request dropped due to backpressure (num_queued_requests=100, max_queued_requests=100)",
    '*** uWSGI listen queue of socket ":8080" (fd: 3) full !!! (101/100) ***',
    "Server overloaded, too many pending requests",
)

SLOW_TEXTS = (
    "[CRITICAL] WORKER TIMEOUT (pid:4711)",
    "2026/11/20 10:11:12 [error] 31#31: *811 upstream timed out (110: Connection timed out) while reading response header from upstream, client: 10.0.0.7",
    "Slow request: POST /predict took 14.2 s",
    "inference timed out after 30.0 s",
    '10.0.0.7:51422 - "POST /predict HTTP/1.1" 504 Gateway Timeout',
    "rpc error: code = DeadlineExceeded desc = Deadline exceeded",
)

CRASH_TEXTS: tuple[tuple[str, ...], ...] = (
    ("Child process [4711] died", "Started server process [4712]"),
    ("Worker (pid:4711) exited with code 1", "Booting worker with pid: 4712"),
    ("server-1 exited with code 1",),
    ("exited: server (exit status 1; not expected)", "spawned: 'server' with pid 4712"),
    (
        "systemd[1]: model.service: Main process exited, code=exited, status=1/FAILURE",
        "systemd[1]: model.service: Scheduled restart job, restart counter is at {count}.",
    ),
    (
        "Warning  BackOff  12s (x{count} over 3m)  kubelet  Back-off restarting failed container server in pod server-7c9d8",
    ),
    ("Worker process 4711 died, restarting",),
)
CRASH_REASONS = (
    (*TRACEBACK, "KeyError: 'detector'"),
    (*TRACEBACK, "pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings"),
    ("[ERROR] Exception in worker process", "AssertionError: bad configuration"),
    (),
)

CHATTER = (
    "INFO faulthandler is enabled for SIGSEGV, SIGABRT, SIGBUS and SIGILL",
    "loaded 4 models in 812 ms, checksum ok",
    "memory in use: 61% of 16 GB, 0 out-of-memory events",
    "disk is 74% full, 81 GB free",
    "open file descriptors: 212 of 65536",
    "retrying in 1 s (1 of 4): temporary failure in name resolution",
    "download finished: yunet_n_640_640.onnx, 0.2 MB in 0.4 s",
    "providers: ['CUDAExecutionProvider', 'CPUExecutionProvider']",
    "providers: ['CPUExecutionProvider'] as configured",
    "queue: 3 waiting, capacity 256, 0 rejected",
    "client disconnected during upload",
    "GET /static/cuda-out-of-memory.html HTTP/1.1 304",
    "picture refused: segfault.jpg is no picture (415)",
    "request refused: 413 too large",
    "keep-alive timeout of an idle connection",
    "health check ok",
    "cache hit ratio 0.93, evicted 12 entries",
    "[W:onnxruntime:, session_state.cc:1168 VerifyEachNodeIsAssignedToAnEp] Some nodes were not assigned to the preferred execution providers which may or may not have an negative impact on performance. e.g. ORT explicitly assigns shape related ops to CPU to improve perf.",
    "UserWarning: The parameter 'pretrained' is deprecated since 0.13",
    "DEBUG cuda allocator: would fall back to CPU pinned memory if out of memory",
    "gc: freed 41 MB in 12 ms",
    "running in half precision (fp16)",
    "encoder libx264 ready, ffmpeg 7.1",
    "canary passed in 31 ms",
    "config reloaded, restart policy: unless-stopped",
    "worker cpu:0-3 retired: max requests reached, exited with code 0",
    "user quota: 137 of 500 pictures",
    "no faces found in picture 139",
    "slow start of the prefetcher disabled",
)
"""What healthy services say that looks like trouble and is none."""
