import Foundation

/// Runs protoc, the judge of what bytes and generated code should be.
enum Protoc {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  static let protoDirectory =
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Proto").path
  static let generatedDirectory =
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Generated").path

  /// The bytes of a message in protobuf's text format.
  static func encode(_ text: String, as type: String) throws -> [UInt8] {
    try run(
      ["--encode=\(type)", "-I\(protoDirectory)", "shapes/v1/shapes.proto"], Array(text.utf8))
  }

  /// The text format of a message's bytes.
  static func decode(
    _ bytes: [UInt8], as type: String, in file: String = "shapes/v1/shapes.proto"
  ) throws -> String {
    let text = try run(
      ["--decode=\(type)", "-I\(protoDirectory)", "-I/usr/include", file], bytes)
    return String(decoding: text, as: UTF8.self)
  }

  /// Runs the plugin that the package has just built over proto files in `directory`, and returns what it made.
  static func generate(
    _ files: [String], in directory: String, options: String
  ) throws -> [String: String] {
    let output = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: output) }
    _ = try run(
      [
        "--plugin=protoc-gen-swift-protobuf-c=\(try plugin())",
        "--swift-protobuf-c_opt=\(options)", "--swift-protobuf-c_out=\(output)",
        "-I\(directory)", "-I/usr/include",
      ] + files)
    return try contents(of: output)
  }

  /// As ``generate(_:in:options:)``, for one proto file given by its text.
  static func generate(proto: String, options: String = "CModule=CTest") throws
    -> [String: String]
  {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try proto.write(toFile: directory + "/test.proto", atomically: false, encoding: .utf8)
    return try generate(["test.proto"], in: directory, options: options)
  }

  /// The files of a directory, by name.
  static func contents(of directory: String) throws -> [String: String] {
    var files: [String: String] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
      files[name] = try String(contentsOfFile: directory + "/" + name, encoding: .utf8)
    }
    return files
  }

  private static func temporaryDirectory() throws -> String {
    let path = NSTemporaryDirectory() + "/protobuf-c-tests-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  /// It stands beside the test's own binary.
  private static func plugin() throws -> String {
    let name = "protoc-gen-swift-protobuf-c"
    for argument in CommandLine.arguments + [
      Bundle.main.bundlePath, Bundle.main.executablePath ?? "",
    ] {
      var directory = URL(filePath: argument).standardizedFileURL
      for _ in 0..<4 {
        let candidate = directory.appending(path: name).path
        if FileManager.default.isExecutableFile(atPath: candidate), candidate.contains(".build") {
          return candidate
        }
        directory.deleteLastPathComponent()
      }
    }
    throw Failure(description: "\(name) is not beside \(CommandLine.arguments)")
  }

  private static func run(_ arguments: [String], _ input: [UInt8] = []) throws -> [UInt8] {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    // Files, not pipes: neither side can fill up and wait for the other.
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["protoc"] + arguments
    for (name, contents) in [("in", input), ("out", []), ("err", [])] {
      try Data(contents).write(to: URL(filePath: directory + "/" + name))
    }
    process.standardInput = FileHandle(forReadingAtPath: directory + "/in")
    process.standardOutput = FileHandle(forWritingAtPath: directory + "/out")
    process.standardError = FileHandle(forWritingAtPath: directory + "/err")
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(description: try String(contentsOfFile: directory + "/err", encoding: .utf8))
    }
    return [UInt8](try Data(contentsOf: URL(filePath: directory + "/out")))
  }
}
