import Foundation
import Testing

/// What the plugin writes, and what it refuses to.
@Suite struct GeneratorTests {
  @Test("The plugin writes what is committed: the golden text of every shape and service")
  func goldenText() throws {
    let made = try Protoc.generate(
      ["greeter/v1/greeter.proto", "shapes/v1/shape_service.proto", "shapes/v1/shapes.proto"],
      in: Protoc.protoDirectory,
      options: "CModule=CProtobufTestMessages,Visibility=package")
    let committed = try Protoc.contents(of: Protoc.generatedDirectory)
    #expect(made.keys.sorted() == committed.keys.sorted())
    for (name, text) in committed {
      #expect(
        made[name] == text, "\(name) differs: run Deploy/generate, then look at the difference")
    }
  }

  @Test("Comments become documentation, and visibility is as asked for")
  func commentsAndVisibility() throws {
    let made = try Protoc.generate(
      proto: """
        syntax = "proto3";
        package a.b_c.v1;
        // About it.
        //
        // More.
        message Thing {
          int32 x = 1; // Behind it.
        }
        """, options: "CModule=CTest,Visibility=public")
    let text = try #require(made["test.pb.swift"])
    #expect(
      text.contains(
        """
          /// About it.
          ///
          /// More.
          public struct Thing: Sendable, Equatable {
            /// Behind it.
            public var x: Int32
        """))
    #expect(text.contains("internal import CTest\n"))
    #expect(made["Namespaces.pb.swift"]?.contains("public enum ABCV1 {}") == true)
    #expect(!text.contains("package "))
  }

  @Test("A file's descriptor is compiled in without its comments, and knows what it imports")
  func descriptors() throws {
    let made = try Protoc.generate(
      proto: """
        syntax = "proto3";
        package a.v1;
        import "google/protobuf/any.proto";
        import "google/protobuf/source_context.proto";
        // About it.
        message Thing {
          google.protobuf.Any long_name = 7; // Behind it.
        }
        """, options: "CModule=CTest,Module=google/protobuf/any.proto:Types,Visibility=internal")
    let text = try #require(made["ProtoFiles.pb.swift"])
    #expect(
      text.contains(
        "imports: [GoogleProtobuf.ProtoFiles.any, ImportedProtoFiles.googleProtobufSourceContext]"))
    let parts = text.split(separator: "\"\"\"")
    let base64 = try #require(parts.count > 1 ? parts[1] : nil)
      .filter { !$0.isWhitespace && $0 != "\\" }
    let bytes = [UInt8](try #require(Data(base64Encoded: String(base64))))
    let descriptor = try Protoc.decode(
      bytes, as: "google.protobuf.FileDescriptorProto", in: "google/protobuf/descriptor.proto")
    #expect(descriptor.contains("name: \"long_name\""))
    #expect(descriptor.contains("number: 7"))
    #expect(!descriptor.contains("json_name"))
    #expect(!descriptor.contains("About it"))
  }

  @Test("Types of another module are named by their namespace, and its module is imported")
  func otherModules() throws {
    let made = try Protoc.generate(
      proto: """
        syntax = "proto3";
        package a.v1;
        import "google/protobuf/any.proto";
        message Thing { google.protobuf.Any any = 1; }
        """, options: "CModule=CTest,Module=google:Types")
    let text = try #require(made["test.pb.swift"])
    #expect(text.contains("import Types\n"))
    #expect(text.contains("var any: GoogleProtobuf.AnyMessage?"))
    #expect(made["Namespaces.pb.swift"]?.contains("GoogleProtobuf") == false)
    #expect(made.keys.filter { $0.hasPrefix("google") } == [])
  }

  @Test("An embeddable message shows how it becomes a C struct; others do not")
  func embeddable() throws {
    let proto = "syntax = \"proto3\"; package a; message M { int32 x = 1; }"
    let closed = try #require(
      try Protoc.generate(proto: proto, options: "CModule=C,Visibility=public")["test.pb.swift"])
    #expect(closed.contains("internal import C\n") && !closed.contains("public init(decoding"))
    let open = try #require(
      try Protoc.generate(proto: proto, options: "CModule=C,Visibility=public,Embeddable=true")[
        "test.pb.swift"])
    #expect(open.contains("public import C\n") && open.contains("public init(decoding"))
  }

  @Test(
    "What it can't do is refused in words",
    arguments: [
      ("syntax = \"proto2\"; package a; message M {}", "only proto3"),
      ("syntax = \"proto3\"; message M {}", "a package is needed"),
      (
        "syntax = \"proto3\"; package a; message M { int32 xID = 1; oneof x_id { int32 y = 2; } }",
        "two fields"
      ),
      (
        "syntax = \"proto3\"; package a; message M { message Kind {} oneof kind { int32 x = 1; } }",
        "the oneof kind and a nested type"
      ),
      ("syntax = \"proto3\"; package a; message Foo_bar {} message FooBar {}", "would both be"),
      ("syntax = \"proto3\"; package a; enum E { E_1 = 0; E_E_1 = 1; }", "two values"),
      (
        "syntax = \"proto3\"; package a; import \"google/protobuf/any.proto\"; "
          + "message M { google.protobuf.Any x = 1; }", "is not among those to generate"
      ),
      ("syntax = \"proto3\"; package a; message M { optional int32 x = 1; }", "optional"),
    ])
  func refusals(proto: String, reason: String) {
    let error = #expect(throws: Protoc.Failure.self) { try Protoc.generate(proto: proto) }
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "accepted")")
  }

  @Test(
    "A wrong option is refused in words",
    arguments: [
      ("", "CModule must name"), ("CModule=C,Visibility=secret", "Visibility is one of"),
      ("CModule=C,Colour=red", "is no option"),
      ("CModule=C,Module=google", "DIRECTORY:MODULE or"),
    ])
  func options(options: String, reason: String) {
    let error = #expect(throws: Protoc.Failure.self) {
      try Protoc.generate(proto: "syntax = \"proto3\"; package a;", options: options)
    }
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "accepted")")
  }
}
