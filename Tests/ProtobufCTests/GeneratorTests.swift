import Testing

/// What the plugin writes, and what it refuses to.
@Suite struct GeneratorTests {
  @Test("The plugin writes what is committed: the golden text of every shape and service")
  func goldenText() throws {
    let made = try Protoc.generate(
      ["shapes/v1/shapes.proto", "shapes/v1/shape_service.proto"], in: Protoc.protoDirectory,
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
    ])
  func options(options: String, reason: String) {
    let error = #expect(throws: Protoc.Failure.self) {
      try Protoc.generate(proto: "syntax = \"proto3\"; package a;", options: options)
    }
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "accepted")")
  }
}
