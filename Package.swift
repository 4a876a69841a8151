// swift-tools-version: 6.2
import PackageDescription

/// Used by every target: Swift 6 language mode, and no warning passes.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .treatAllWarnings(as: .error),
]

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [],
  resources: [Resource] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, exclude: exclude, resources: resources,
    swiftSettings: strict)
}

func system(_ name: String, _ pkgConfig: String, apt: String) -> Target {
  .systemLibrary(
    name: name, path: "Sources/SystemLibraries/\(name)", pkgConfig: pkgConfig,
    providers: [.apt([apt])])
}

let nio: [Target.Dependency] = [
  .product(name: "NIOCore", package: "swift-nio"),
  .product(name: "NIOPosix", package: "swift-nio"),
]
let tls: [Target.Dependency] = [
  .product(name: "NIOSSL", package: "swift-nio-ssl"),
  .product(name: "NIOTLS", package: "swift-nio"),
]
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let collections: Target.Dependency = .product(
  name: "OrderedCollections", package: "swift-collections")
let metrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let tracing: Target.Dependency = .product(name: "Tracing", package: "swift-distributed-tracing")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let arguments: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")

// A `let` per layer, from the pure core outwards: an entry may name only entries above it.
let systemLibraries: [Target] = [
  system("CNGHTTP2", "libnghttp2", apt: "libnghttp2-dev"),
  system("CProtobufC", "libprotobuf-c", apt: "libprotobuf-c-dev"),
  system("CNBD", "libnbd", apt: "libnbd-dev"),
  system("CZlib", "zlib", apt: "zlib1g-dev"),
  system("CZstd", "libzstd", apt: "libzstd-dev"),
  system("CXXHash", "libxxhash", apt: "libxxhash-dev"),
  system("CCrypto", "libcrypto", apt: "libssl-dev"),
  .systemLibrary(name: "CLinux", path: "Sources/SystemLibraries/CLinux"),
]

let pure: [Target] = [
  library("BackupModel"),
  library("CoordinatorCore", ["BackupModel", collections]),
  library("WorkerCore", ["BackupModel"]),
  library("HTTP2", ["CNGHTTP2"]),
]

let rpc: [Target] = [
  library("GRPC", ["CZlib", log, deque, metrics, tracing]),
  library("GRPCTransport", ["GRPC", "HTTP2", log] + nio + tls),
  library("ProtobufC", ["CProtobufC"]),
  .target(
    name: "CProtobufCompiler", dependencies: ["CProtobufC"], publicHeadersPath: "include"),
  .target(name: "CWellKnownTypes", dependencies: ["CProtobufC"], publicHeadersPath: "include"),
  library("WellKnownTypes", ["CWellKnownTypes", "ProtobufC", "GRPC"]),
  .target(
    name: "CGRPCServices", dependencies: ["CWellKnownTypes", "CProtobufC"],
    publicHeadersPath: "include"),
  library(
    "GRPCServices",
    [
      "CGRPCServices", "CProtobufCompiler", "WellKnownTypes", "ProtobufC", "GRPC", "GRPCTransport",
      log,
    ]),
  .executableTarget(
    name: "protoc-gen-swift-protobuf-c", dependencies: ["CProtobufCompiler", "ProtobufC"],
    swiftSettings: strict),
]

let contract: [Target] = [
  .target(
    name: "CBelayAPI", dependencies: ["CWellKnownTypes", "CProtobufC"],
    publicHeadersPath: "include"),
  library("BelayAPI", ["CBelayAPI", "WellKnownTypes", "ProtobufC", "GRPC"]),
  library("WorkerLink", ["BackupModel", "BelayAPI", "GRPC"]),
]

let adapters: [Target] = [
  library("Store", ["BackupModel"]),
  library("SQLiteStore", ["Store", "BackupModel", .product(name: "GRDB", package: "GRDB.swift")]),
  library("Hypervisor", ["BackupModel"]),
  library("DiskImagesHypervisor", ["Hypervisor", "BackupModel", "CNBD", "CLinux", log]),
  library("Repository", ["BackupModel", "CZstd", "CXXHash", "CCrypto", "CLinux", log]),
]

let shells: [Target] = [
  library(
    "Coordinator",
    ["CoordinatorCore", "Store", "WorkerLink", "BelayAPI", "BackupModel", "GRPC", log]),
  library(
    "Worker",
    [
      "WorkerCore", "Hypervisor", "Repository", "WorkerLink", "BelayAPI", "BackupModel", "GRPC",
      "CXXHash", "CLinux", log,
    ]),
]

let executables: [Target] = [
  .executableTarget(
    name: "belay",
    dependencies: [
      "Coordinator", "Worker", "SQLiteStore", "DiskImagesHypervisor", "Repository", "BelayAPI",
      "GRPC", "GRPCTransport", "GRPCServices", "BackupModel", "ProtobufC", "CoordinatorCore",
      collections, log,
      arguments,
    ] + nio,
    swiftSettings: strict)
]

/// A program that speaks gRPC's interop tests (see Tests/Interop); not a product.
func interop(_ name: String, path: String) -> Target {
  .executableTarget(
    name: name, dependencies: ["InteropMessages", "GRPC", "GRPCTransport", log, arguments],
    path: path, swiftSettings: strict)
}

let testSupport: [Target] = [
  library("Simulation", ["BackupModel", "CoordinatorCore", "WorkerCore"]),
  library("Conformance", ["Store", "Hypervisor", "BackupModel"]),
  .target(
    name: "CProtobufTestMessages", dependencies: ["CProtobufC"],
    path: "Tests/CProtobufTestMessages", publicHeadersPath: "include"),
  .executableTarget(
    name: "belay-simulate", dependencies: ["Simulation", arguments], swiftSettings: strict),
  .target(
    name: "CInteropMessages", dependencies: ["CProtobufC"], path: "Tests/Interop/CMessages",
    publicHeadersPath: "include"),
  .target(
    name: "InteropMessages", dependencies: ["CInteropMessages", "ProtobufC", "GRPC"],
    path: "Tests/Interop/Messages", swiftSettings: strict),
  interop("grpc-interop-server", path: "Tests/Interop/Server"),
  interop("grpc-interop-client", path: "Tests/Interop/Client"),
]

// What `Deploy/bench` measures with; none of it is installed.
let benchmarks: [Target] = [
  .target(
    name: "CBenchmarkMessages", dependencies: ["CProtobufC"],
    path: "Tests/Benchmarks/CBenchmarkMessages", publicHeadersPath: "include"),
  .target(
    name: "BenchmarkMessages", dependencies: ["CBenchmarkMessages", "ProtobufC", "GRPC"],
    path: "Tests/Benchmarks/BenchmarkMessages", swiftSettings: strict),
  .executableTarget(
    name: "rpc-bench-server",
    dependencies: ["BenchmarkMessages", "GRPC", "GRPCTransport", metrics, arguments] + nio,
    path: "Tests/Benchmarks/rpc-bench-server", swiftSettings: strict),
  .executableTarget(
    name: "rpc-bench-client",
    dependencies: ["BenchmarkMessages", "GRPC", "GRPCTransport", arguments] + nio,
    path: "Tests/Benchmarks/rpc-bench-client", swiftSettings: strict),
]

// What fuzzers feed (`Deploy/fuzz`), and the tests that replay their corpora. The program itself has
// libFuzzer's `main`: it is there only when it is asked for.
let fuzzing: [Target] =
  [
    .target(
      name: "FuzzTargets",
      dependencies: [
        "HTTP2", "GRPC", "GRPCTransport", "ProtobufC", "CProtobufTestMessages", log,
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
      ],
      path: "Tests/Fuzz/Targets", swiftSettings: strict),
    .testTarget(
      name: "FuzzTests", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Replay",
      resources: [.copy("Corpora")], swiftSettings: strict),
  ]
  + (Context.environment["FUZZ"] == nil
    ? []
    : [
      .executableTarget(
        name: "fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Entry",
        swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])])
    ])

let allTests: [Target] = [
  tests("BackupModelTests", ["BackupModel"]),
  tests("BelayTests", ["belay", "GRPCTransport"]),
  tests("CoordinatorCoreTests", ["CoordinatorCore", "BackupModel"]),
  tests("WorkerCoreTests", ["WorkerCore", "BackupModel"]),
  tests("SimulationTests", ["Simulation", "BackupModel"]),
  tests("HTTP2Tests", ["HTTP2"]),
  tests(
    "GRPCTests",
    [
      "GRPC", .product(name: "MetricsTestKit", package: "swift-metrics"),
      .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
    ]),
  tests(
    "GRPCServicesTests", ["GRPCServices", "GRPCTransport", "WellKnownTypes", "ProtobufC", "GRPC"]),
  tests("GRPCTransportTests", ["GRPCTransport", "GRPC", "HTTP2"] + nio + tls),
  tests(
    "ProtobufCTests",
    [
      "ProtobufC", "BelayAPI", "GRPC", "GRPCTransport", "GRPCServices", "HTTP2", "WellKnownTypes",
      "CProtobufTestMessages", "protoc-gen-swift-protobuf-c", log,
    ],
    exclude: ["Proto"]),
  tests("StoreTests", ["Store", "SQLiteStore", "Conformance", "BackupModel"]),
  tests(
    "HypervisorTests",
    ["Hypervisor", "DiskImagesHypervisor", "Conformance", "BackupModel", "CNBD", log]),
  tests("RepositoryTests", ["Repository", "BackupModel"], resources: [.copy("Golden")]),
  tests("WorkerLinkTests", ["WorkerLink", "BelayAPI", "GRPC", "BackupModel"]),
  tests(
    "CoordinatorTests",
    [
      "Coordinator", "CoordinatorCore", "WorkerLink", "Store", "SQLiteStore", "BelayAPI", "GRPC",
      "GRPCTransport", "BackupModel", log,
    ]),
  tests(
    "WorkerTests",
    [
      "Worker", "WorkerCore", "WorkerLink", "Repository", "Hypervisor", "BelayAPI", "GRPC",
      "BackupModel", log,
    ]),
]

let package = Package(
  name: "belay",
  products: [
    .executable(name: "belay", targets: ["belay"]),
    .executable(name: "protoc-gen-swift-protobuf-c", targets: ["protoc-gen-swift-protobuf-c"]),
    // The RPC library: of use without a word of backup.
    .library(
      name: "GRPC",
      targets: ["GRPC", "GRPCTransport", "GRPCServices", "WellKnownTypes", "HTTP2", "ProtobufC"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: systemLibraries + pure + rpc + contract + adapters + shells + executables + testSupport
    + benchmarks + fuzzing + allTests
)
